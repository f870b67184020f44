using Berth.Storage.Builds;

namespace Berth.Storage.Tests;

/// <summary>Patterns of COPY, with the rules of Go's path.Match.</summary>
public sealed class PathPatternTests
{
    [Theory]
    [InlineData("*", "", true)]
    [InlineData("*", ".hidden", true)]
    [InlineData("a*c", "abc", true)]
    [InlineData("a*c", "ac", true)]
    [InlineData("a*c", "abd", false)]
    [InlineData("*.txt", "x.txt", true)]
    [InlineData("*.txt", "x.txt.gz", false)]
    [InlineData("a?c", "abc", true)]
    [InlineData("a?c", "ac", false)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[^a-c]x", "bx", false)]
    [InlineData("[^a-c]x", "dx", true)]
    [InlineData("[a", "a", false)]
    [InlineData("[\\]]", "]", true)]
    [InlineData("\\*", "*", true)]
    [InlineData("\\*", "a", false)]
    [InlineData("*a*b*c*", "xaybzc", true)]
    public void They_fit_names(string pattern, string name, bool fits) => Assert.Equal(fits, PathPattern.Matches(pattern, name));

    [Fact]
    public void Many_stars_cost_little() => Assert.False(PathPattern.Matches(string.Concat(Enumerable.Repeat("*a", 200)) + "b", new string('a', 4000)));
}
