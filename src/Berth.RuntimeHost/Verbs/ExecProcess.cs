using System.Globalization;
using System.Text.Json;
using Berth.Linux.Pipes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.State;
using Berth.RuntimeHost.CommandLine;

namespace Berth.RuntimeHost.Verbs;

/// <summary>The process that the flags of <c>exec</c> describe.</summary>
internal static class ExecProcess
{
    private const int MaxBytes = 16 << 20;

    /// <summary>Out of a file (<c>--process</c>), or the container's own with the changes that the flags ask for.</summary>
    /// <exception cref="StateException">It makes no sense.</exception>
    /// <exception cref="Berth.Linux.LinuxException">The file cannot be read.</exception>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public static ProcessSpec From(Arguments arguments, RuntimeSpec spec)
    {
        ProcessSpec process = arguments.Text("process") is { Length: > 0 } file
            ? RuntimeSpecReader.ReadProcess(PlainFile.ReadAll(file, MaxBytes))
            : Change(spec.Process ?? throw new StateException("the container's configuration has no process"), arguments);
        if (process.Cwd.Length == 0)
            throw new StateException("Cwd property must not be empty");
        if (!process.Cwd.StartsWith('/'))
            throw new StateException("Cwd must be an absolute path");
        if (process.Args.Count == 0)
            throw new StateException("process args cannot be empty");
        return process;
    }

    private static ProcessSpec Change(ProcessSpec process, Arguments arguments)
    {
        process = process with
        {
            Args = [.. arguments.Rest.Skip(1)],
            Terminal = arguments.IsOn("tty"),
            ConsoleSize = null, // the first process's terminal is not this one's
            Cwd = arguments.Text("cwd") is { Length: > 0 } cwd ? cwd : process.Cwd,
            Env = [.. process.Env ?? [], .. arguments.Texts("env")],
            User = ChangeUser(process.User, arguments),
            NoNewPrivileges = arguments.IsSet("no-new-privs") ? arguments.IsOn("no-new-privs") : process.NoNewPrivileges,
            ApparmorProfile = arguments.Text("apparmor") is { Length: > 0 } profile ? profile : process.ApparmorProfile,
            SelinuxLabel = arguments.Text("process-label") is { Length: > 0 } label ? label : process.SelinuxLabel,
        };
        return arguments.Texts("cap") is { Count: > 0 } more ? process with { Capabilities = Add(process.Capabilities ?? new CapabilitiesSpec(), more) } : process;
    }

    private static CapabilitiesSpec Add(CapabilitiesSpec sets, IReadOnlyList<string> more) => sets with
    {
        Bounding = [.. sets.Bounding ?? [], .. more],
        Effective = [.. sets.Effective ?? [], .. more],
        Permitted = [.. sets.Permitted ?? [], .. more],
        Ambient = [.. sets.Ambient ?? [], .. more],
    };

    private static UserSpec ChangeUser(UserSpec user, Arguments arguments)
    {
        if (arguments.Text("user") is { Length: > 0 } text)
        {
            string[] parts = text.Split(':', 2);
            user = user with { Uid = Id(parts[0], "uid"), Gid = parts.Length > 1 ? Id(parts[1], "gid") : user.Gid };
        }

        if (arguments.Texts("additional-gids") is { Count: > 0 } groups)
            user = user with { AdditionalGids = [.. user.AdditionalGids ?? [], .. groups.Select(static g => Id(g, "additional gid"))] };
        return user;
    }

    // Never wraps: what the kernel would take for another number is refused.
    private static uint Id(string text, string what) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            ? (uint)id
            : throw new StateException($"parsing {text} as int for {what} failed: wanted a number in range 0-{int.MaxValue}");
}
