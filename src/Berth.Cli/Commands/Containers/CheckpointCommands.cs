using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

/// <summary>
/// <c>berth checkpoint</c>: docker has it with its experimental features alone, and Berth's daemon has none. The commands are there to say so in the stock
/// CLI's words, for scripts that ask.
/// </summary>
internal static class CheckpointCommands
{
    /// <summary>One of them; null for a verb that there is not.</summary>
    public static Command? Create(string verb, string path) => verb switch
    {
        "create" => Create(path, "CONTAINER CHECKPOINT", "Create a checkpoint from a running container", 2, leavesRunning: true),
        "ls" or "list" => Create(path, "CONTAINER", "List checkpoints for a container", 1, leavesRunning: false, "ls", "list"),
        "rm" or "remove" => Create(path, "CONTAINER CHECKPOINT", "Remove a checkpoint", 2, leavesRunning: false, "rm", "remove"),
        _ => null,
    };

    /// <summary>The refusal of a command or flag.</summary>
    public static CommandFailedException Unsupported(string what) => new($"{what} is only supported on a Docker daemon with experimental features enabled", exitCode: 1);

    private static Command Create(string path, string arguments, string summary, int count, bool leavesRunning, params string[] names)
    {
        var flags = new FlagSet();
        flags.Text("checkpoint-dir", null, "Use a custom checkpoint storage directory", static _ => { });
        if (leavesRunning)
            flags.Switch("leave-running", null, "Leave the container running after checkpoint", static _ => { });

        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] " + arguments,
            Summary = summary,
            Aliases = [.. names.Select(name => "checkpoint " + name)],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(count),
            RunAsync = (_, _) => throw Unsupported("berth " + path),
        };
    }
}
