using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Linux.Terminal;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth exec</c>: its exit status is the process's.</summary>
internal sealed class ExecCommand
{
    private readonly List<string> environment = [];
    private readonly List<string> environmentFiles = [];
    private readonly ExecCreateRequest request = new();
    private bool detach;
    private bool interactive;

    public static Command Create(string path)
    {
        var flags = new FlagSet { Interspersed = false };
        var exec = new ExecCommand();
        flags.Switch("detach", 'd', "Detached mode: run command in the background", value => exec.detach = value);
        flags.Text("detach-keys", null, "Override the key sequence for detaching a container", value => exec.request.DetachKeys = value);
        flags.List("env", 'e', "Set environment variables", exec.environment);
        flags.List("env-file", null, "Read in a file of environment variables", exec.environmentFiles);
        flags.Switch("interactive", 'i', "Keep STDIN open even if not attached", value => exec.interactive = value);
        flags.Switch("privileged", null, "Give extended privileges to the command", value => exec.request.Privileged = value);
        flags.Switch("tty", 't', "Allocate a pseudo-TTY", value => exec.request.Tty = value);
        flags.Text("user", 'u', "Username or UID (format: \"<name|uid>[:<group|gid>]\")", value => exec.request.User = value);
        flags.Text("workdir", 'w', "Working directory inside the container", value => exec.request.WorkingDir = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
            Summary = "Execute a command in a running container",
            Aliases = ["container exec", "exec"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(2),
            RunAsync = exec.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        request.Cmd = [.. arguments.Skip(1)];
        if (request.DetachKeys.Length == 0)
            request.DetachKeys = context.Config.DetachKeys ?? "";

        List<string> variables = KeyValueFiles.ReadEnvironment(environmentFiles, environment);
        request.Env = variables.Count > 0 ? variables : null;
        request.Detach = detach;
        if (!detach)
        {
            request.AttachStdin = interactive;
            request.AttachStdout = true;
            request.AttachStderr = true;
            if (request is { Tty: true, AttachStdin: true } && !LocalTerminal.IsTerminal(0))
                throw new CommandFailedException("the input device is not a TTY", exitCode: 1);
        }

        List<uint>? consoleSize = request.Tty && TerminalSize.Current is { } size ? [size.Rows, size.Columns] : null;
        request.ConsoleSize = consoleSize;
        string id = await context.Client.CreateExecAsync(arguments[0], request);
        if (detach)
        {
            await context.Client.StartExecDetachedAsync(id);
            return 0;
        }

        return await RunAttachedAsync(context, id, consoleSize);
    }

    private async Task<int> RunAttachedAsync(CliContext context, string id, List<uint>? consoleSize)
    {
        var start = new ExecStartRequest { Tty = request.Tty, ConsoleSize = consoleSize };
        using HijackedStream connection = await context.Client.StartExecAsync(id, start);
        string? keys = request.DetachKeys.Length == 0 ? null : request.DetachKeys;
        using var session = new StreamSession(connection, new StreamOptions(request.AttachStdin, request.Tty, keys), context.Out, context.Error);
        session.Start();
        using TerminalSize? size = request.Tty
            ? await TerminalSize.FollowAsync((rows, columns) => context.Client.ResizeExecAsync(id, rows, columns))
            : null;
        if (await session.WaitAsync())
            throw new CommandFailedException("read escape sequence", exitCode: 1);

        ExecInspect ended = await context.Client.InspectExecAsync(id);
        return ended.ExitCode ?? 0;
    }
}
