using System.Text.Json.Serialization;

namespace Berth.Model.Oci.Runtime;

/// <summary>A container's configuration, <c>config.json</c> of a bundle (OCI runtime specification 1.2, config.md and config-linux.md).</summary>
public sealed record RuntimeSpec
{
    public string OciVersion { get; init; } = "1.2.0";
    public ProcessSpec? Process { get; init; }
    public RootSpec? Root { get; init; }
    public string? Hostname { get; init; }
    public string? Domainname { get; init; }
    public IReadOnlyList<MountSpec>? Mounts { get; init; }
    public HooksSpec? Hooks { get; init; }
    public Dictionary<string, string>? Annotations { get; init; }
    public LinuxSpec? Linux { get; init; }
}

/// <summary>The process to start in a container, or to add to a running one.</summary>
public sealed record ProcessSpec
{
    public bool Terminal { get; init; }
    public ConsoleSize? ConsoleSize { get; init; }
    public UserSpec User { get; init; } = new();
    public IReadOnlyList<string> Args { get; init; } = [];
    public IReadOnlyList<string>? Env { get; init; }
    public string Cwd { get; init; } = "/";
    public CapabilitiesSpec? Capabilities { get; init; }
    public IReadOnlyList<RlimitSpec>? Rlimits { get; init; }
    public bool NoNewPrivileges { get; init; }
    public int? OomScoreAdj { get; init; }
    public string? ApparmorProfile { get; init; }
    public string? SelinuxLabel { get; init; }
    public SchedulerSpec? Scheduler { get; init; }
    public IoPrioritySpec? IoPriority { get; init; }

    [JsonPropertyName("execCPUAffinity")]
    public CpuAffinitySpec? ExecCpuAffinity { get; init; }
}

/// <summary>sched_setattr(2): <c>SCHED_OTHER FIFO RR BATCH ISO IDLE DEADLINE</c>; runtime, deadline and period in nanoseconds.</summary>
public sealed record SchedulerSpec
{
    public string Policy { get; init; } = "";
    public int? Nice { get; init; }
    public int? Priority { get; init; }
    public IReadOnlyList<string>? Flags { get; init; }
    public ulong? Runtime { get; init; }
    public ulong? Deadline { get; init; }
    public ulong? Period { get; init; }
}

/// <summary>ioprio_set(2): <c>IOPRIO_CLASS_RT BE IDLE</c> and a level of 0 to 7.</summary>
public sealed record IoPrioritySpec
{
    public string Class { get; init; } = "";
    public int Priority { get; init; }
}

/// <summary>CPUs of an added process, as lists (<c>0-3,7</c>): before it joins the container's cgroup, and after.</summary>
public sealed record CpuAffinitySpec
{
    public string? Initial { get; init; }
    public string? Final { get; init; }
}

/// <summary>A terminal's size in characters.</summary>
public sealed record ConsoleSize(uint Height, uint Width);

/// <summary>Numeric identity inside the container.</summary>
public sealed record UserSpec
{
    public uint Uid { get; init; }
    public uint Gid { get; init; }
    public uint? Umask { get; init; }
    public IReadOnlyList<uint>? AdditionalGids { get; init; }
}

/// <summary>The five capability sets, by name (<c>CAP_CHOWN</c>).</summary>
public sealed record CapabilitiesSpec
{
    public IReadOnlyList<string>? Bounding { get; init; }
    public IReadOnlyList<string>? Effective { get; init; }
    public IReadOnlyList<string>? Inheritable { get; init; }
    public IReadOnlyList<string>? Permitted { get; init; }
    public IReadOnlyList<string>? Ambient { get; init; }
}

/// <summary>A resource limit, <c>RLIMIT_NOFILE</c> and so on.</summary>
public sealed record RlimitSpec(string Type, ulong Hard, ulong Soft);

/// <summary>The root file system: a folder, absolute or relative to the bundle.</summary>
public sealed record RootSpec
{
    public required string Path { get; init; }
    public bool Readonly { get; init; }
}

/// <summary>One mount, performed in order.</summary>
public sealed record MountSpec
{
    public required string Destination { get; init; }
    public string? Type { get; init; }
    public string? Source { get; init; }
    public IReadOnlyList<string>? Options { get; init; }
    public IReadOnlyList<IdMappingSpec>? UidMappings { get; init; }
    public IReadOnlyList<IdMappingSpec>? GidMappings { get; init; }
}

/// <summary>Programs to run at points of the container's life (config.md, "POSIX-platform Hooks").</summary>
public sealed record HooksSpec
{
    public IReadOnlyList<HookSpec>? Prestart { get; init; }
    public IReadOnlyList<HookSpec>? CreateRuntime { get; init; }
    public IReadOnlyList<HookSpec>? CreateContainer { get; init; }
    public IReadOnlyList<HookSpec>? StartContainer { get; init; }
    public IReadOnlyList<HookSpec>? Poststart { get; init; }
    public IReadOnlyList<HookSpec>? Poststop { get; init; }
}

/// <summary>One hook; args include the name of the program, the timeout is in seconds.</summary>
public sealed record HookSpec
{
    public string Path { get; init; } = "";
    public IReadOnlyList<string>? Args { get; init; }
    public IReadOnlyList<string>? Env { get; init; }
    public int? Timeout { get; init; }
}

/// <summary>The state of a container as hooks and callers see it (runtime.md, "State"); status is <c>creating created running stopped</c>, or paused.</summary>
public sealed record ContainerState
{
    public string OciVersion { get; init; } = "1.2.0";
    public required string Id { get; init; }
    public required string Status { get; init; }
    public int? Pid { get; init; }
    public required string Bundle { get; init; }
    public Dictionary<string, string>? Annotations { get; init; }
}

/// <summary>JSON of <c>config.json</c>, <c>process.json</c>, the resources of an update, and the states.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RuntimeSpec))]
[JsonSerializable(typeof(ProcessSpec))]
[JsonSerializable(typeof(ResourcesSpec))]
[JsonSerializable(typeof(ContainerState))]
[JsonSerializable(typeof(ContainerProcessState))]
public sealed partial class RuntimeSpecJsonContext : JsonSerializerContext;
