using Berth.Linux.Sockets;
using Berth.Runtime.Host;
using Berth.Runtime.State;

namespace Berth.RuntimeHost.CommandLine;

/// <summary>The options before the verb.</summary>
internal sealed record GlobalOptions
{
    /// <summary>Their flags.</summary>
    public static IReadOnlyList<Flag> Flags { get; } =
    [
        new("debug", null, FlagKind.Switch, "log debug messages too"),
        new("log", null, FlagKind.Text, "the file to append log messages to (default is the standard error)"),
        new("log-format", null, FlagKind.Text, "the form of log messages: 'text' or 'json'", "\"text\""),
        new("root", null, FlagKind.Text, "the folder of the containers' state; it should not survive a reboot", $"\"{DefaultRoot()}\""),
        new("criu", null, FlagKind.Text, "refused: there is no checkpoint and restore here"),
        new("systemd-cgroup", null, FlagKind.Switch, "let systemd make cgroups; linux.cgroupsPath then has the form \"slice:prefix:name\""),
        new("rootless", null, FlagKind.Text, "go on without a cgroup where none may be made: 'true', 'false' or 'auto'", "\"auto\""),
        new("version", "v", FlagKind.Switch, "print the version"),
    ];

    /// <summary>The folder of the containers' state.</summary>
    public required string Root { get; init; }

    public bool SystemdCgroup { get; init; }

    /// <summary>Whether a cgroup that may not be made is gone without.</summary>
    public bool Rootless { get; init; }

    public bool Debug { get; init; }

    /// <summary>The containers.</summary>
    public StateStore Store => new(Root);

    /// <summary>From the words before the verb.</summary>
    public static GlobalOptions From(Arguments arguments) => new()
    {
        Root = arguments.Text("root") ?? DefaultRoot(),
        SystemdCgroup = arguments.IsOn("systemd-cgroup"),
        Rootless = arguments.Text("rootless") switch { "true" => true, "false" => false, _ => UnixSocket.OwnUid() != 0 || HostAbilities.IsInUserNamespace },
        Debug = arguments.IsOn("debug"),
    };

    // In a user namespace root is some user of the host; with USER=root somebody has made themselves at home there (as runc has it).
    private static string DefaultRoot() =>
        Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } own
        && (UnixSocket.OwnUid() != 0 || HostAbilities.IsInUserNamespace && Environment.GetEnvironmentVariable("USER") != "root")
            ? own + "/berth-runtime"
            : "/run/berth-runtime";
}
