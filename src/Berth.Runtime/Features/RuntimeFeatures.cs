using System.Text.Json.Serialization;
using Berth.Linux.Capabilities;
using Berth.Runtime.Cgroups.Systemd;
using Berth.Runtime.Init;
using Berth.Runtime.Seccomp;

namespace Berth.Runtime.Features;

/// <summary>What this runtime implements, as the document of the specification (features.md of version 1.2). The lists are those of the code that reads a configuration.</summary>
public sealed record RuntimeFeatures
{
    public string OciVersionMin { get; init; } = "1.0.0";
    public string OciVersionMax { get; init; } = "1.2.0";
    public IReadOnlyList<string> Hooks { get; init; } = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

    public IReadOnlyList<string> MountOptions { get; init; } = Rootfs.MountOptions.Words;
    public LinuxFeatures Linux { get; init; } = new();
    public SortedDictionary<string, string> Annotations { get; init; } = [];
    public IReadOnlyList<string> PotentiallyUnsafeConfigAnnotations { get; init; } = [PropertyAnnotations.Prefix];
}

/// <summary>The part about Linux.</summary>
public sealed record LinuxFeatures
{
    public IReadOnlyList<string> Namespaces { get; init; } = NamespacePlan.Types;
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

    public IReadOnlyList<string> Actions { get; init; } = SeccompAction.Names;
    public IReadOnlyList<string> Operators { get; init; } = ArgumentTest.Names;
    public IReadOnlyList<string> Archs { get; init; } = SyscallAbis.OciNames;
    public IReadOnlyList<string> KnownFlags { get; init; } = SeccompFlagNames.Names;
    public IReadOnlyList<string> SupportedFlags { get; init; } = SeccompFlagNames.Names;
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
