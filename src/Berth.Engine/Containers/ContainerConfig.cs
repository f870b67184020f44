using System.Text.Json;
using Berth.Engine.Containers.Health;
using Berth.Engine.Containers.Mounts;
using Berth.Engine.Networks;
using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>What was asked of a container, complete and validated: the image's defaults are merged in, nothing here changes after creation.</summary>
public sealed record ContainerConfig
{
    /// <summary>The image as the user wrote it.</summary>
    public required string Image { get; init; }

    /// <summary>Empty until the container is created; then the user's or the first twelve digits of the id.</summary>
    public string Hostname { get; init; } = "";
    public string Domainname { get; init; } = "";

    /// <summary>Docker's <c>user[:group]</c>, resolved inside the container at each start.</summary>
    public string User { get; init; } = "";
    public bool AttachStdin { get; init; }
    public bool AttachStdout { get; init; }
    public bool AttachStderr { get; init; }
    public bool Tty { get; init; }
    public bool OpenStdin { get; init; }
    public bool StdinOnce { get; init; }

    /// <summary><c>NAME=value</c>, image's first; names occur once.</summary>
    public IReadOnlyList<string> Env { get; init; } = [];
    public IReadOnlyList<string>? Cmd { get; init; }
    public IReadOnlyList<string>? Entrypoint { get; init; }
    public string WorkingDir { get; init; } = "";
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
    public string? StopSignal { get; init; }

    /// <summary>Seconds between the stop signal and SIGKILL; null is ten, negative waits for ever.</summary>
    public int? StopTimeout { get; init; }
    public Dictionary<string, JsonElement>? ExposedPorts { get; init; }

    /// <summary>The health probe as it was asked for, the image's where nothing was said; null without one.</summary>
    public HealthOptions? Healthcheck { get; init; }

    /// <summary>The shell of lines that name none, such as a probe's; null: the image's, or /bin/sh -c.</summary>
    public IReadOnlyList<string>? Shell { get; init; }

    /// <summary>Dockerfile instructions for builds on top of an image that is made of this container; told, and nothing else here.</summary>
    public IReadOnlyList<string>? OnBuild { get; init; }

    /// <summary>A mark of Windows command lines; told, without meaning on Linux.</summary>
    public bool ArgsEscaped { get; init; }
    public ContainerHostOptions Host { get; init; } = new();

    /// <summary>The command line of the first process: entrypoint, then command.</summary>
    public IReadOnlyList<string> CommandLine => [.. Entrypoint ?? [], .. Cmd ?? []];
}

/// <summary>How the container relates to the host.</summary>
public sealed record ContainerHostOptions
{
    /// <summary>Where the client wrote the id to; told, the file is the client's own.</summary>
    public string ContainerIdFile { get; init; } = "";
    public NetworkMode Network { get; init; }

    /// <summary>The network as the user wrote it: <c>default</c>, <c>host</c>, <c>none</c>, <c>container:NAME</c>, a network's name or id.</summary>
    public string NetworkText { get; init; } = "default";
    public IReadOnlyList<PortBinding>? PortBindings { get; init; }

    /// <summary>Whether every exposed port is published.</summary>
    public bool PublishAllPorts { get; init; }
    public IReadOnlyList<string>? Dns { get; init; }
    public IReadOnlyList<string>? DnsSearch { get; init; }
    public IReadOnlyList<string>? DnsOptions { get; init; }

    /// <summary>Lines for the hosts file: <c>NAME:ADDRESS</c>.</summary>
    public IReadOnlyList<string>? ExtraHosts { get; init; }

    /// <summary>Docker's links as inspect tells them, see <see cref="LegacyLinks"/>; none on networks of users'.</summary>
    public IReadOnlyList<string>? Links { get; init; }

    /// <summary>The same by the containers' ids, which renaming does not change.</summary>
    public IReadOnlyList<LinkTarget>? LinkTargets { get; init; }
    public bool AutoRemove { get; init; }
    public bool Privileged { get; init; }
    public bool ReadonlyRootfs { get; init; }
    public IReadOnlyList<string>? CapAdd { get; init; }
    public IReadOnlyList<string>? CapDrop { get; init; }
    public IReadOnlyList<string>? GroupAdd { get; init; }

    /// <summary>Only <c>seccomp=unconfined</c>, <c>no-new-privileges</c> and its <c>=true/false</c> forms get here.</summary>
    public IReadOnlyList<string>? SecurityOpt { get; init; }
    public bool HostPid { get; init; }
    public bool HostIpc { get; init; }
    public bool HostUts { get; init; }

    /// <summary>Destination to mount options.</summary>
    public Dictionary<string, string>? Tmpfs { get; init; }

    /// <summary>Binds in the short form, as they were asked for.</summary>
    public IReadOnlyList<string>? Binds { get; init; }

    /// <summary>Binds in the long form, as they were asked for.</summary>
    public IReadOnlyList<BindRequest>? Mounts { get; init; }

    /// <summary>What both forms come to, in their order; filled in when the container is created.</summary>
    public IReadOnlyList<BindMount> BindMounts { get; init; } = [];

    /// <summary>Whether <c>ro</c> leaves alone what is mounted below a bind, as it did for clients older than API 1.44.</summary>
    public bool HasShallowReadOnly { get; init; }

    /// <summary>Bytes of /dev/shm.</summary>
    public long ShmSize { get; init; } = 64 << 20;
    public IReadOnlyList<UlimitOption>? Ulimits { get; init; }
    public int OomScoreAdj { get; init; }

    public ResourceOptions Resources { get; init; } = new();
    public RestartPolicyOption RestartPolicy { get; init; } = new("no", 0);

    /// <summary>Whether an init of the engine's own is the first process; null: as <see cref="EngineOptions.Init"/> says.</summary>
    public bool? Init { get; init; }
    public IReadOnlyList<string>? MaskedPaths { get; init; }
    public IReadOnlyList<string>? ReadonlyPaths { get; init; }
    public LogOptions Log { get; init; } = new();
    public ConsoleSizeOption? ConsoleSize { get; init; }
}

/// <summary>Where the container's network comes from.</summary>
public enum NetworkMode
{
    /// <summary>The network <c>bridge</c>; a loopback interface alone when the daemon has none.</summary>
    Default,

    /// <summary>The host's network namespace.</summary>
    Host,

    /// <summary>A namespace of its own with a loopback interface.</summary>
    None,

    /// <summary>Another container's namespace.</summary>
    Container,

    /// <summary>A network of this name or id.</summary>
    Named,
}

/// <summary>A resource limit by its short name (<c>nofile</c>).</summary>
public sealed record UlimitOption(string Name, long Soft, long Hard);

/// <summary>A terminal's first size in characters.</summary>
public sealed record ConsoleSizeOption(uint Height, uint Width);

/// <summary>The log driver and its limits.</summary>
public sealed record LogOptions
{
    /// <summary><c>json-file</c> or <c>none</c>.</summary>
    public string Driver { get; init; } = "json-file";

    /// <summary>The options as the user wrote them.</summary>
    public Dictionary<string, string> Options { get; init; } = [];

    /// <summary>Bytes after which the log is rotated.</summary>
    public long MaxBytes { get; init; } = 10_000_000;

    /// <summary>Files kept, the present one included.</summary>
    public int MaxFiles { get; init; } = 3;
}
