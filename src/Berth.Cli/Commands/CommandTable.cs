using System.Text;
using Berth.Cli.Commands.Builds;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Commands.Images;
using Berth.Cli.Commands.Engine;
using Berth.Cli.Commands.Manifests;
using Berth.Cli.Commands.Networks;
using Berth.Cli.Commands.Registries;
using Berth.Cli.Flags;

namespace Berth.Cli.Commands;

/// <summary>What a command line's first words name: a command and how many words it took, or a text to print.</summary>
/// <param name="Command">The command; null with a text.</param>
/// <param name="Words">How many words were taken.</param>
/// <param name="Text">Help.</param>
/// <param name="IsUnasked">Whether nobody asked for the help: it goes to stderr then.</param>
internal readonly record struct CommandMatch(Command? Command, int Words, string? Text, bool IsUnasked = false);

/// <summary>All commands by name. Only the one that is invoked is built.</summary>
internal static class CommandTable
{
    private static readonly (string Name, string Summary)[] Common =
    [
        ("run", "Create and run a new container from an image"),
        ("exec", "Execute a command in a running container"),
        ("ps", "List containers"),
        ("build", "Build an image from a Dockerfile"),
        ("pull", "Download an image from a registry"),
        ("push", "Upload an image to a registry"),
        ("images", "List images"),
        ("login", "Authenticate to a registry"),
        ("logout", "Log out from a registry"),
        ("search", "Search Docker Hub for images"),
        ("version", "Show the Berth version information"),
        ("info", "Display system-wide information"),
    ];

    private static readonly (string Name, string Summary)[] Management =
    [
        ("builder", "Manage builds"),
        ("checkpoint", "Manage checkpoints"),
        ("container", "Manage containers"),
        ("image", "Manage images"),
        ("manifest", ManifestCommands.Summary),
        ("network", "Manage networks"),
        ("system", "Manage Berth"),
    ];

    private static readonly (string Name, string Summary)[] Plain =
    [
        ("attach", "Attach local standard input, output, and error streams to a running container"),
        ("commit", "Create a new image from a container's changes"),
        ("cp", "Copy files/folders between a container and the local filesystem"),
        ("create", "Create a new container"),
        ("diff", "Inspect changes to files or directories on a container's filesystem"),
        ("events", "Get real time events from the server"),
        ("export", "Export a container's filesystem as a tar archive"),
        ("history", "Show the history of an image"),
        ("import", "Import the contents from a tarball to create a filesystem image"),
        ("inspect", "Return low-level information on Berth objects"),
        ("kill", "Kill one or more running containers"),
        ("load", "Load an image from a tar archive or STDIN"),
        ("logs", "Fetch the logs of a container"),
        ("pause", "Pause all processes within one or more containers"),
        ("port", "List port mappings or a specific mapping for the container"),
        ("rename", "Rename a container"),
        ("restart", "Restart one or more containers"),
        ("rm", "Remove one or more containers"),
        ("rmi", "Remove one or more images"),
        ("save", "Save one or more images to a tar archive (streamed to STDOUT by default)"),
        ("start", "Start one or more stopped containers"),
        ("stats", "Display a live stream of container(s) resource usage statistics"),
        ("stop", "Stop one or more running containers"),
        ("tag", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE"),
        ("top", "Display the running processes of a container"),
        ("unpause", "Unpause all processes within one or more containers"),
        ("update", "Update configuration of one or more containers"),
        ("wait", "Block until one or more containers stop, then print their exit codes"),
    ];

    private static readonly string[] ContainerVerbs =
    [
        "attach", "commit", "cp", "create", "diff", "exec", "export", "inspect", "kill", "logs", "ls", "pause", "port", "prune", "rename", "restart", "rm", "run",
        "start", "stats", "stop", "top", "unpause", "update", "wait",
    ];

    private static readonly string[] BuilderVerbs = ["build", "prune"];

    private static readonly string[] CheckpointVerbs = ["create", "ls", "rm"];

    private static readonly string[] ImageVerbs = ["build", "copy", "diff", "history", "import", "inspect", "load", "ls", "pin", "prune", "pull", "push", "rm", "save", "tag", "tree", "unpin"];

    private static readonly string[] SystemVerbs = ["df", "events", "evict", "fsck", "info", "prune"];

    /// <summary>Finds what <paramref name="words"/> begin with.</summary>
    /// <exception cref="UsageException">There is no such command.</exception>
    public static CommandMatch Find(List<string> words)
    {
        string first = words[0];
        if (first == "help")
            return words.Count == 1 ? new CommandMatch(null, 1, RootHelp(80)) : HelpOf(words[1..]);

        return first switch
        {
            "builder" => FindIn("builder", "Manage builds", BuilderVerbs, words, BuildBuilder),
            "checkpoint" => FindIn("checkpoint", "Manage checkpoints", CheckpointVerbs, words, CheckpointCommands.Create),
            "container" => FindIn("container", "Manage containers", ContainerVerbs, words, BuildContainer),
            "image" => FindIn("image", "Manage images", ImageVerbs, words, BuildImage),
            "manifest" => FindIn("manifest", ManifestCommands.Summary, [.. ManifestCommands.Verbs], words, ManifestCommands.Create),
            "network" => FindIn("network", "Manage networks", [.. NetworkCommands.Verbs], words, NetworkCommands.Create),
            "system" => FindIn("system", "Manage Berth", SystemVerbs, words, BuildSystem),
            _ => new CommandMatch(Build(first) ?? throw Unknown(first, ""), 1, null),
        };
    }

    private static CommandMatch HelpOf(List<string> words)
    {
        CommandMatch match = TryFind(words) ?? throw new UsageException("unknown help topic: " + string.Join(' ', Array.Exists(Management, noun => noun.Name == words[0]) ? words[1..] : words), exitCode: 1);
        return match.Text is null ? new CommandMatch(null, match.Words, match.Command!.Help(80)) : match; // a match is a text or a command
    }

    private static CommandMatch? TryFind(List<string> words)
    {
        try
        {
            return Find(words) with { IsUnasked = false };
        }
        catch (UsageException)
        {
            return null;
        }
    }

    private static Command? Build(string name) => name switch
    {
        "ps" => ListCommand.Create(name),
        "images" => ImageListCommand.Create(name),
        "rmi" => ImageRemoveCommand.Create(name),
        "build" or "history" or "import" or "load" or "pull" or "push" or "save" or "tag" => BuildImage(name, name),
        "login" => LoginCommand.Create(name),
        "logout" => LogoutCommand.Create(name),
        "search" => SearchCommand.Create(name),
        "events" or "info" => BuildSystem(name, name),
        "inspect" => InspectCommand.Create(name, InspectCommand.Scope.Everything),
        "version" => VersionCommand.Create(name),
        "ls" or "list" or "remove" or "prune" => null,
        _ => BuildContainer(name, name),
    };

    private static Command? BuildContainer(string verb, string path) => verb switch
    {
        "run" => RunCommand.Create(path),
        "create" => CreateCommand.Create(path),
        "start" => StartCommand.Create(path),
        "ls" or "list" or "ps" => ListCommand.Create(path),
        "logs" => LogsCommand.Create(path),
        "exec" => ExecCommand.Create(path),
        "attach" => AttachCommand.Create(path),
        "stop" => StopCommand.CreateStop(path),
        "kill" => KillCommand.Create(path),
        "rm" or "remove" => RemoveCommand.Create(path),
        "wait" => WaitCommand.Create(path),
        "pause" => PauseCommand.CreatePause(path),
        "unpause" => PauseCommand.CreateUnpause(path),
        "restart" => StopCommand.CreateRestart(path),
        "rename" => RenameCommand.Create(path),
        "stats" => StatsCommand.Create(path),
        "top" => TopCommand.Create(path),
        "diff" => DiffCommand.Create(path),
        "cp" => CopyCommand.Create(path),
        "commit" => CommitCommand.Create(path),
        "export" => ExportCommand.Create(path),
        "port" => PortCommand.Create(path),
        "update" => UpdateCommand.Create(path),
        "prune" => PruneCommand.Create(path),
        "inspect" => InspectCommand.Create(path, InspectCommand.Scope.Container),
        _ => null,
    };

    private static Command? BuildImage(string verb, string path) => verb switch
    {
        "ls" or "list" => ImageListCommand.Create(path),
        "rm" or "remove" => ImageRemoveCommand.Create(path),
        "build" => BuildCommand.Create(path),
        "import" => ImportCommand.Create(path),
        "copy" => ImageCopyCommand.Create(path),
        "tag" => TagCommand.Create(path),
        "load" => LoadCommand.Create(path),
        "save" => SaveCommand.Create(path),
        "history" => HistoryCommand.Create(path),
        "diff" => ImageDiffCommand.Create(path),
        "tree" => ImageTreeCommand.Create(path),
        "pin" => ImagePinCommand.Create(path, isPin: true),
        "unpin" => ImagePinCommand.Create(path, isPin: false),
        "prune" => ImagePruneCommand.Create(path),
        "pull" => PullCommand.Create(path),
        "push" => PushCommand.Create(path),
        "inspect" => InspectCommand.Create(path, InspectCommand.Scope.Image),
        _ => null,
    };

    private static Command? BuildBuilder(string verb, string path) => verb switch
    {
        "build" => BuildCommand.Create(path),
        "prune" => BuilderPruneCommand.Create(path),
        _ => null,
    };

    private static Command? BuildSystem(string verb, string path) => verb switch
    {
        "df" => DiskUsageCommand.Create(path),
        "evict" => Storage.EvictCommand.Create(path),
        "fsck" => Storage.StorageCheckCommand.Create(path),
        "events" => EventsCommand.Create(path),
        "info" => InfoCommand.Create(path),
        "prune" => SystemPruneCommand.Create(path),
        "dial-stdio" => DialStdioCommand.Create(path),
        _ => null,
    };

    private static CommandMatch FindIn(string noun, string summary, string[] verbs, List<string> words, Func<string, string, Command?> build)
    {
        if (words.Count < 2 || words[1] is "--help" or "-h")
            return new CommandMatch(null, 1, NounHelp(noun, summary, verbs, build), IsUnasked: words.Count < 2);

        Command command = build(words[1], $"{noun} {words[1]}") ?? throw Unknown(words[1], noun);
        return new CommandMatch(command, 2, null);
    }

    private static UsageException Unknown(string name, string noun)
    {
        string path = noun.Length == 0 ? "berth" : "berth " + noun;
        string usage = noun.Length == 0 ? "" : $"Usage:  {path}\n\n";
        return new UsageException($"berth: unknown command: {path} {name}\n\n{usage}Run '{path} --help' for more information\n", exitCode: 1);
    }

    private static string NounHelp(string noun, string summary, string[] verbs, Func<string, string, Command?> build)
    {
        var text = new StringBuilder($"Usage:  berth {noun} COMMAND\n\n{summary}\n\nCommands:\n");
        int column = Math.Max(11, verbs.Max(verb => verb.Length)) + 1; // as cobra pads names
        foreach (string verb in verbs)
            text.Append("  ").Append(verb.PadRight(column)).Append(build(verb, verb)!.Summary.Split('\n')[0]).Append('\n'); // every listed verb can be built

        return text.Append($"\nRun 'berth {noun} COMMAND --help' for more information on a command.\n").ToString();
    }

    /// <summary>The text of <c>berth --help</c>.</summary>
    public static string RootHelp(int width)
    {
        var text = new StringBuilder("Usage:  berth [OPTIONS] COMMAND\n\nA self-sufficient runtime for containers\n");
        foreach ((string title, (string Name, string Summary)[] commands) in new[] { ("Common", Common), ("Management", Management), ("", Plain) })
        {
            text.Append('\n').Append(title.Length == 0 ? "" : title + " ").Append("Commands:\n");
            foreach ((string name, string summary) in commands)
                text.Append("  ").Append(name.PadRight(12)).Append(summary).Append('\n');
        }

        var flags = new FlagSet();
        flags.Text("config", null, "Location of client config files (default \"~/.docker\"; BERTH_CONFIG and DOCKER_CONFIG set it too)", _ => { });
        flags.Text("context", 'c', "Name of the context to use to connect to the daemon; there is only \"default\"", _ => { });
        flags.Switch("debug", 'D', "Enable debug mode", _ => { });
        flags.List("host", 'H', "Daemon socket to connect to (default \"unix:///run/berth.sock\"; BERTH_HOST and DOCKER_HOST override it)", []);
        flags.Text("log-level", 'l', "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\")", _ => { }, defaultText: "\"info\"");
        _ = new TlsFlags(flags);
        flags.Switch("version", 'v', "Print version information and quit", _ => { });
        text.Append("\nGlobal Options:\n").Append(FlagHelp.Render(flags.Flags, width - 1));
        return text.Append("\nRun 'berth COMMAND --help' for more information on a command.\n").ToString();
    }
}
