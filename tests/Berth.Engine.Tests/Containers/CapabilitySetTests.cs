using Berth.Engine.Containers;
using Berth.Model;

namespace Berth.Engine.Tests.Containers;

public sealed class CapabilitySetTests
{
    private static IReadOnlyList<string> Resolve(string[]? add = null, string[]? drop = null, bool privileged = false) =>
        CapabilitySet.Resolve(new ContainerHostOptions { CapAdd = add, CapDrop = drop, Privileged = privileged });

    [Fact]
    public void The_default_is_dockers_fourteen()
    {
        IReadOnlyList<string> names = Resolve();
        Assert.Equal(14, names.Count);
        Assert.Contains("CAP_NET_RAW", names);
        Assert.DoesNotContain("CAP_SYS_ADMIN", names);
    }

    [Fact]
    public void Names_come_with_or_without_prefix_in_any_case()
    {
        Assert.Contains("CAP_SYS_TIME", Resolve(add: ["sys_time"]));
        Assert.Contains("CAP_SYS_TIME", Resolve(add: ["cap_Sys_Time"]));
        Assert.DoesNotContain("CAP_KILL", Resolve(drop: ["kill"]));
    }

    [Fact]
    public void An_added_default_occurs_once() => Assert.Equal(14, Resolve(add: ["CHOWN", "CAP_CHOWN"]).Count);

    [Fact]
    public void Drop_all_leaves_what_was_added()
    {
        Assert.Empty(Resolve(drop: ["ALL"]));
        Assert.Equal(["CAP_CHOWN"], Resolve(add: ["CHOWN"], drop: ["all"]));
    }

    [Fact]
    public void Add_all_without_some()
    {
        IReadOnlyList<string> names = Resolve(add: ["ALL"], drop: ["SYS_ADMIN"]);
        Assert.Equal(40, names.Count);
        Assert.DoesNotContain("CAP_SYS_ADMIN", names);
        Assert.DoesNotContain("ALL", names);
    }

    [Fact]
    public void Privileged_has_every_one() => Assert.Equal(41, Resolve(drop: ["ALL"], privileged: true).Count);

    [Theory]
    [InlineData("CAP_FLY")]
    [InlineData("CAP_ALL")]
    [InlineData("")]
    public void An_unknown_name_is_refused(string name)
    {
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => Resolve(add: [name])).Kind);
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => Resolve(drop: [name])).Kind);
    }
}
