using System.Globalization;
using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Linux.Signals;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Host;

/// <summary>Runs the hooks of a container that its parent runs (config.md, "POSIX-platform Hooks"): one after the other, each with the state on its standard input.</summary>
public static class HookRunner
{
    /// <summary>Runs <paramref name="hooks"/> in the caller's namespaces.</summary>
    /// <param name="hooks">In their order; null: none.</param>
    /// <param name="kind">Names them in messages: <c>poststop</c>.</param>
    /// <param name="state">What they are told. They start in its bundle, if that is still there.</param>
    /// <exception cref="ContainerStartException">One could not be started, failed, or took longer than its timeout (it was killed); those after it were not run.</exception>
    public static void Run(IReadOnlyList<HookSpec>? hooks, string kind, ContainerState state) => Run(hooks, kind, state, namespacesOf: null);

    /// <summary>Runs <paramref name="hooks"/> in the namespaces of a process; their paths are those that this process would see.</summary>
    internal static void Run(IReadOnlyList<HookSpec>? hooks, string kind, ContainerState state, (int Pid, FileDescriptor PidFd)? namespacesOf)
    {
        if (hooks is not { Count: > 0 })
            return;
        Validate(hooks, kind);
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(state, RuntimeSpecJsonContext.Default.ContainerState);
        for (int i = 0; i < hooks.Count; i++)
        {
            HookSpec hook = hooks[i];
            var program = new HelperProgram
            {
                Path = hook.Path, Arguments = ArgumentsOf(hook), Environment = hook.Env ?? [], Input = json, NamespacesOf = namespacesOf,
                WorkingFolder = Directory.Exists(state.Bundle) ? state.Bundle : "/",
                Timeout = hook.Timeout is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            };
            string what = $"error running {kind} hook #{i} ({hook.Path})";
            (ProcessEnd? end, string output) = Run(program, what);
            if (end is null)
                throw new ContainerStartException(StartFailure.Host, $"{what}: it took longer than its timeout of {hook.Timeout} s and was killed{Show(output)}");
            if (end is { } ended && (ended.Signaled || ended.Code != 0))
                throw new ContainerStartException(
                    StartFailure.Host, $"{what}: {(ended.Signaled ? "killed by signal " : "exit status ")}{ended.Code.ToString(CultureInfo.InvariantCulture)}{Show(output)}");
        }
    }

    /// <summary>Checks what needs no kernel.</summary>
    /// <exception cref="ArgumentException">A path is not absolute, or a timeout is not above zero.</exception>
    internal static void Validate(IReadOnlyList<HookSpec>? hooks, string kind)
    {
        for (int i = 0; i < (hooks?.Count ?? 0); i++)
        {
            HookSpec hook = hooks![i]; // counted above
            if (!hook.Path.StartsWith('/'))
                throw new ArgumentException($"{kind} hook #{i}: path \"{hook.Path}\" must be absolute");
            if (hook.Timeout is <= 0)
                throw new ArgumentException($"{kind} hook #{i} ({hook.Path}): timeout {hook.Timeout} must be above zero");
        }
    }

    internal static IReadOnlyList<string> ArgumentsOf(HookSpec hook) => hook.Args is { Count: > 0 } ? hook.Args : [hook.Path];

    private static (ProcessEnd? End, string Output) Run(HelperProgram program, string what)
    {
        try
        {
            return program.Run();
        }
        catch (PlanFailedException e)
        {
            throw new ContainerStartException(StartFailure.Host, $"{what}: {e.Message}", e);
        }
    }

    private static string Show(string output) => output.Length == 0 ? "" : $", output: {output.TrimEnd()}";
}
