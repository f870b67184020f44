using System.Globalization;
using Berth.Linux.Pipes;
using Berth.RuntimeHost.CommandLine;

namespace Berth.RuntimeHost.Containers;

/// <summary>How a container is made: the flags that <c>create</c> and <c>run</c> share.</summary>
internal sealed record LaunchOptions
{
    /// <summary>The flags.</summary>
    public static IReadOnlyList<Flag> Flags { get; } =
    [
        new("bundle", "b", FlagKind.Text, "the folder with config.json; default: the working folder"),
        new("console-socket", null, FlagKind.Text, "a unix socket that gets the master of the container's terminal"),
        new("pid-file", null, FlagKind.Text, "write the process's id to this file"),
        new("no-pivot", null, FlagKind.Switch, "do not use pivot_root, which fails on an initramfs"),
        new("no-new-keyring", null, FlagKind.Switch, "leave the caller's session keyring to the container"),
        new("preserve-fds", null, FlagKind.Number, "hand on this many descriptors after 0, 1, 2 and those of $LISTEN_FDS", "0"),
    ];

    public required string Bundle { get; init; }

    public string? ConsoleSocket { get; init; }

    public string? PidFile { get; init; }

    public bool NoPivot { get; init; }

    public bool NoNewKeyring { get; init; }

    /// <summary>Descriptors from 3 on, those of LISTEN_FDS among them.</summary>
    public int PreserveFds { get; init; }

    /// <summary>How many of them were handed to us by socket activation (sd_listen_fds(3)).</summary>
    public int ListenFds { get; init; }

    /// <summary>From a parsed command line.</summary>
    /// <exception cref="UsageException">A number is out of range.</exception>
    public static LaunchOptions From(Arguments arguments)
    {
        int listen = int.TryParse(Environment.GetEnvironmentVariable("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 0;
        return new LaunchOptions
        {
            Bundle = Path.GetFullPath(arguments.Text("bundle") is { Length: > 0 } bundle ? bundle : "."),
            ConsoleSocket = arguments.Text("console-socket"),
            PidFile = arguments.Text("pid-file"),
            NoPivot = arguments.IsOn("no-pivot"),
            NoNewKeyring = arguments.IsOn("no-new-keyring"),
            ListenFds = listen,
            PreserveFds = listen + Descriptors(arguments),
        };
    }

    /// <summary>The number of <c>--preserve-fds</c>, all of which are open.</summary>
    /// <exception cref="UsageException">It is no number of descriptors.</exception>
    public static int Descriptors(Arguments arguments)
    {
        const int Most = 1 << 16;
        long count = arguments.Number("preserve-fds") ?? 0;
        if (count is < 0 or > Most)
            throw new UsageException($"invalid value \"{count}\" for flag -preserve-fds: wanted 0 to {Most}");
        for (int i = 3; i < 3 + count; i++)
        {
            if (DescriptorIo.IsInheritable(i) is not true) // what was opened here is no descriptor of the caller's
                throw new ArgumentException($"--preserve-fds {count}: descriptor {i} is not open");
        }

        return (int)count;
    }
}
