using Berth.Model.Oci.Runtime;
using Berth.Runtime.Features;
using Berth.Runtime.Rootfs;
using Berth.Runtime.Seccomp;

namespace Berth.Runtime.Tests.Features;

/// <summary>What is announced is what the code knows.</summary>
public sealed class RuntimeFeaturesTests
{
    private static readonly RuntimeFeatures Announced = new();

    [Fact]
    public void EveryMountOptionIsUnderstood()
    {
        foreach (string word in Announced.MountOptions)
            Assert.DoesNotContain(word, MountOptions.Parse("tmpfs", [word]).Data);
    }

    [Fact]
    public void EveryPartOfASeccompProfileIsUnderstood()
    {
        foreach (string action in Announced.Linux.Seccomp.Actions)
            _ = SeccompAction.Parse(action, null, "test");
        foreach (string comparison in Announced.Linux.Seccomp.Operators)
            _ = ArgumentTest.Parse(new SeccompArgument { Op = comparison }, "test");
        foreach (string flag in Announced.Linux.Seccomp.SupportedFlags)
            _ = SeccompFlagNames.Parse(new SeccompSpec { DefaultAction = "SCMP_ACT_ALLOW", Flags = [flag] });
        Assert.Equal(Enum.GetValues<SyscallAbi>().Select(static abi => abi.OciName()).Order(StringComparer.Ordinal), Announced.Linux.Seccomp.Archs);
    }

    [Fact]
    public void ListsAreSortedAndCapabilitiesComplete()
    {
        Assert.Equal(Announced.MountOptions.Order(StringComparer.Ordinal), Announced.MountOptions);
        Assert.Equal(Announced.MountOptions.Distinct(), Announced.MountOptions);
        Assert.Equal(Announced.Linux.Seccomp.Actions.Order(StringComparer.Ordinal), Announced.Linux.Seccomp.Actions);
        Assert.Equal(Announced.Linux.Seccomp.Operators.Order(StringComparer.Ordinal), Announced.Linux.Seccomp.Operators);
        Assert.Equal(Announced.Linux.Seccomp.KnownFlags.Order(StringComparer.Ordinal), Announced.Linux.Seccomp.KnownFlags);
        Assert.Equal(typeof(HooksSpec).GetProperties().Select(static p => p.Name.ToUpperInvariant()), Announced.Hooks.Select(static h => h.ToUpperInvariant()));
        Assert.Equal(Announced.Linux.Namespaces.Order(StringComparer.Ordinal), Announced.Linux.Namespaces);
        Assert.Equal(41, Announced.Linux.Capabilities.Count);
    }
}
