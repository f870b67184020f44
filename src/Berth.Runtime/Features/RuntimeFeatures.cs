using System.Text.Json.Serialization;
using Berth.Linux.Capabilities;
using Berth.Runtime.Cgroups.Systemd;

namespace Berth.Runtime.Features;

/// <summary>What this runtime implements, as the document of the specification (features.md of version 1.2). Tests hold the lists against the code.</summary>
public sealed record RuntimeFeatures
{
    public string OciVersionMin { get; init; } = "1.0.0";
    public string OciVersionMax { get; init; } = "1.2.0";
    public IReadOnlyList<string> Hooks { get; init; } = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

    public IReadOnlyList<string> MountOptions { get; init; } =
    [
        "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "idmap", "iversion", "lazytime", "loud", "mand", "noatime", "nodev",
        "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private", "ratime", "rbind",
        "rdev", "rdiratime", "relatime", "remount", "rexec", "ridmap", "rnoatime", "rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid",
        "rnosymfollow", "ro", "rprivate", "rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared",
        "silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
    ];

    public LinuxFeatures Linux { get; init; } = new();
    public SortedDictionary<string, string> Annotations { get; init; } = [];
    public IReadOnlyList<string> PotentiallyUnsafeConfigAnnotations { get; init; } = [PropertyAnnotations.Prefix];
}

/// <summary>The part about Linux.</summary>
public sealed record LinuxFeatures
{
    public IReadOnlyList<string> Namespaces { get; init; } = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"];
    public IReadOnlyList<string> Capabilities { get; init; } = [.. new CapabilitySet((1UL << CapabilitySet.Count) - 1).Members];
    public CgroupFeatures Cgroup { get; init; } = new();
    public SeccompFeatures Seccomp { get; init; } = new();
    public EnabledFeature Apparmor { get; init; } = new(Enabled: true);
    public EnabledFeature Selinux { get; init; } = new(Enabled: true);
    public EnabledFeature IntelRdt { get; init; } = new(Enabled: false);
    public MountExtensions MountExtensions { get; init; } = new();
}

/// <summary>Kinds of cgroup.</summary>
public sealed record CgroupFeatures
{
    public bool V1 { get; init; } = true;
    public bool V2 { get; init; } = true;
    public bool Systemd { get; init; } = true;
    public bool SystemdUser { get; init; } = true;
    public bool Rdma { get; init; } = true;
}

/// <summary>What filters can be made of.</summary>
public sealed record SeccompFeatures
{
    public bool Enabled { get; init; } = true;

    public IReadOnlyList<string> Actions { get; init; } =
    [
        "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE",
        "SCMP_ACT_TRAP",
    ];

    public IReadOnlyList<string> Operators { get; init; } =
        ["SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE"];

    public IReadOnlyList<string> Archs { get; init; } = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"];

    public IReadOnlyList<string> KnownFlags { get; init; } = FlagNames;

    public IReadOnlyList<string> SupportedFlags { get; init; } = FlagNames;

    private static string[] FlagNames =>
        ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
}

/// <summary>Whether a thing is there.</summary>
public sealed record EnabledFeature(bool Enabled);

/// <summary>Mounts beyond what mount(8) knows.</summary>
public sealed record MountExtensions
{
    public EnabledFeature Idmap { get; init; } = new(Enabled: true);
}

/// <summary>JSON of <see cref="RuntimeFeatures"/>.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(RuntimeFeatures))]
public sealed partial class RuntimeFeaturesJsonContext : JsonSerializerContext;
