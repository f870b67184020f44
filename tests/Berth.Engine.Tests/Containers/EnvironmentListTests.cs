using Berth.Engine.Containers;

namespace Berth.Engine.Tests.Containers;

public sealed class EnvironmentListTests
{
    [Theory]
    [InlineData("A=1|B=2", "C=3", "A=1|B=2|C=3")]
    [InlineData("A=1|B=2", "A=9", "A=9|B=2")]
    [InlineData("A=1|B=2", "A", "B=2")]
    [InlineData("A=1", "C", "A=1")]
    [InlineData("A=1", "A=", "A=")]
    [InlineData("A=1", "A=x=y", "A=x=y")]
    [InlineData("A=1", "AB=2|a=3", "A=1|AB=2|a=3")]
    [InlineData("A=1", "B=2|B=3", "A=1|B=3")]
    [InlineData("A=1", "A|A=2", "A=2")]
    public void The_second_list_wins(string first, string second, string expected) =>
        Assert.Equal(expected.Split('|'), EnvironmentList.Merge(first.Split('|'), second.Split('|')));

    [Theory]
    [InlineData("C=3", "A=1|B=2", "C=3|A=1|B=2")]
    [InlineData("B=9|C=3", "A=1|B=2", "B=9|C=3|A=1")]
    [InlineData("A", "A=1|B=2", "B=2")]
    [InlineData("A=1|A=2", "B=2", "A=2|B=2")]
    public void A_users_own_come_before_an_images(string own, string defaults, string expected) =>
        Assert.Equal(expected.Split('|'), EnvironmentList.Complete(own.Split('|'), defaults.Split('|')));
}
