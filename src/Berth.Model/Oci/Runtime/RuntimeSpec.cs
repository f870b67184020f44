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
}

/// <summary>The Linux part of the configuration.</summary>
public sealed record LinuxSpec
{
    public IReadOnlyList<NamespaceSpec>? Namespaces { get; init; }
    public IReadOnlyList<DeviceSpec>? Devices { get; init; }
    public string? CgroupsPath { get; init; }
    public ResourcesSpec? Resources { get; init; }
    public SeccompSpec? Seccomp { get; init; }
    public string? RootfsPropagation { get; init; }
    public IReadOnlyList<string>? MaskedPaths { get; init; }
    public IReadOnlyList<string>? ReadonlyPaths { get; init; }
    public Dictionary<string, string>? Sysctl { get; init; }
}

/// <summary>A namespace to create (no path) or join; types are <c>pid network mount ipc uts user cgroup time</c>.</summary>
public sealed record NamespaceSpec(string Type, string? Path = null);

/// <summary>A device node to create in the container.</summary>
public sealed record DeviceSpec
{
    public required string Type { get; init; }
    public required string Path { get; init; }
    public long? Major { get; init; }
    public long? Minor { get; init; }
    public uint? FileMode { get; init; }
    public uint? Uid { get; init; }
    public uint? Gid { get; init; }
}

/// <summary>Cgroup limits.</summary>
public sealed record ResourcesSpec
{
    public IReadOnlyList<DeviceRuleSpec>? Devices { get; init; }
    public PidsSpec? Pids { get; init; }
}

/// <summary>One rule of the device allow list, applied in order; null major or minor is any.</summary>
public sealed record DeviceRuleSpec
{
    public bool Allow { get; init; }
    public string? Type { get; init; }
    public long? Major { get; init; }
    public long? Minor { get; init; }
    public string? Access { get; init; }
}

/// <summary>The most tasks the container may have; 0 or less is no limit.</summary>
public sealed record PidsSpec(long Limit);

/// <summary>A system call filter.</summary>
public sealed record SeccompSpec
{
    public required string DefaultAction { get; init; }
    public uint? DefaultErrnoRet { get; init; }
    public IReadOnlyList<string>? Architectures { get; init; }
    public IReadOnlyList<string>? Flags { get; init; }
    public IReadOnlyList<SeccompRule>? Syscalls { get; init; }
}

/// <summary>What happens on the named calls when all arguments match.</summary>
public sealed record SeccompRule
{
    public required IReadOnlyList<string> Names { get; init; }
    public required string Action { get; init; }
    public uint? ErrnoRet { get; init; }
    public IReadOnlyList<SeccompArgument>? Args { get; init; }
}

/// <summary>A comparison of one argument; operators are <c>SCMP_CMP_NE LT LE EQ GE GT MASKED_EQ</c>.</summary>
public sealed record SeccompArgument
{
    public uint Index { get; init; }
    public ulong Value { get; init; }
    public ulong? ValueTwo { get; init; }
    public required string Op { get; init; }
}

/// <summary>JSON of <c>config.json</c> and <c>process.json</c>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RuntimeSpec))]
[JsonSerializable(typeof(ProcessSpec))]
public sealed partial class RuntimeSpecJsonContext : JsonSerializerContext;
