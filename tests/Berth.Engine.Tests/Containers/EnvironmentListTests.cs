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
}
