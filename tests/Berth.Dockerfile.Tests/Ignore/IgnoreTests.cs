using System.Text;
using Berth.Dockerfile.Ignore;

namespace Berth.Dockerfile.Tests.Ignore;

public sealed class IgnoreTests
{
    // Patterns with spaces between them; the path; whether it is left out.
    [Theory]
    [InlineData("a", "a", true)]
    [InlineData("a", "a/b/c", true)]
    [InlineData("a", "b/a", false)]
    [InlineData("/a", "a", true)]
    [InlineData("./a/", "a", true)]
    [InlineData("a/../b", "b", true)]
    [InlineData("a//b", "a/b", true)]
    [InlineData("a/b", "a", false)]
    [InlineData("*", "a/b", true)]
    [InlineData("*", ".", false)]
    [InlineData("*.txt", "x.txt", true)]
    [InlineData("*.txt", "d/x.txt", false)]
    [InlineData("*/*.txt", "d/x.txt", true)]
    [InlineData("*/*.txt", "d/e/x.txt", false)]
    [InlineData("**/*.txt", "x.txt", true)]
    [InlineData("**/*.txt", "d/e/x.txt", true)]
    [InlineData("**/x", "x", true)]
    [InlineData("**/x", "a/x", true)]
    [InlineData("**/x", "ax", false)]
    [InlineData("**x", "a/bx", true)]
    [InlineData("**", "a/b", true)]
    [InlineData("a/**", "a", false)]
    [InlineData("a/**", "a/b/c", true)]
    [InlineData("a/**/b", "a/b", true)]
    [InlineData("a/**/b", "a/x/y/b", true)]
    [InlineData("a/**/b", "a/xb", false)]
    [InlineData("a**b", "ab", true)]
    [InlineData("a**/b", "ax/b", true)]
    [InlineData("te?t", "test", true)]
    [InlineData("te?t", "te/t", false)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[^a-c]x", "bx", false)]
    [InlineData("[^a-c]x", "dx", true)]
    [InlineData("[\\]]x", "]x", true)]
    [InlineData("\\*", "*", true)]
    [InlineData("\\*", "a", false)]
    [InlineData("\\!a", "!a", true)]
    [InlineData("a.b", "axb", false)]
    [InlineData("a+(b)", "a+(b)", true)]
    [InlineData("é?", "é😀", true)]
    [InlineData("* !a", "a", false)]
    [InlineData("* !a", "a/b", false)]
    [InlineData("* !a", "b", true)]
    [InlineData("* !a/b", "a/b", false)]
    [InlineData("* !a/b", "a/c", true)]
    [InlineData("!a *", "a", true)]
    [InlineData("*.md !R*.md R-s.md", "R.md", false)]
    [InlineData("*.md !R*.md R-s.md", "R-s.md", true)]
    [InlineData("a !a/b/c a/b", "a/b/c", true)]
    [InlineData("*.txt !a/b/2.txt .hidden", "a/b/2.txt", false)]
    [InlineData("*.txt !a/b/2.txt .hidden", ".hidden", true)]
    [InlineData("a !**/keep", "a/x/keep", false)]
    [InlineData("a !**/keep", "a/x/keep/y", false)]
    [InlineData("a !**/keep", "a/x/kee", true)]
    [InlineData("/", "a", false)]
    [InlineData(".", "a", false)]
    public void PathsAreLeftOut(string patterns, string path, bool expected)
    {
        var matcher = new IgnoreMatcher(patterns.Split(' ').Select(static pattern => Assert.Single(IgnoreFile.Read(Encoding.UTF8.GetBytes(pattern)))));
        Assert.Equal(expected, matcher.IsIgnored(path));
    }

    [Theory]
    [InlineData("a", "a", true)]
    [InlineData("a", "b", false)]
    [InlineData("* !a/b/c", "a", false)]
    [InlineData("* !a/b/c", "a/b", false)]
    [InlineData("* !a/b/c", "b", true)]
    [InlineData("* !a/b/c", "a/x", true)]
    [InlineData("* !**/c", "x", false)]
    [InlineData("* !*.c", "x", true)]
    [InlineData("!a/b a", "a", true)] // taken back too early
    [InlineData("**/node_modules !keep/**", "x/node_modules", true)]
    public void FoldersAreSkipped(string patterns, string path, bool expected)
    {
        IgnoreFolder at = new IgnoreMatcher(patterns.Split(' ')).Root;
        Assert.Equal(expected, path.Split('/').Aggregate(at, static (folder, name) => folder.Enter(name)).CanBeSkipped);
    }

    [Theory]
    [InlineData("\uFEFF# comment\n\n  a  \r\n #b\n!c\n! d/ \n/e/./f\n#", "a|#b|!c|!d|e/f")]
    [InlineData("", "")]
    [InlineData("../x\n/../y", "../x|y")]
    public void AFileIsRead(string text, string expected) => Assert.Equal(expected, string.Join('|', IgnoreFile.Read(Encoding.UTF8.GetBytes(text))));

    [Theory]
    [InlineData("!", "illegal exclusion pattern: \"!\"")]
    [InlineData("a[", "syntax error in pattern: a[")]
    [InlineData("[]a]", "syntax error in pattern: []a]")]
    [InlineData("[-]", "syntax error in pattern: [-]")]
    [InlineData("[a-]", "syntax error in pattern: [a-]")]
    [InlineData("a\\", "syntax error in pattern: a\\")]
    public void APatternIsRefused(string pattern, string message) => Assert.Equal(message, Assert.Throws<IgnoreException>(() => new IgnoreMatcher([pattern])).Message);

    [Fact]
    public void ThereAreLimits()
    {
        Assert.Throws<IgnoreException>(static () => IgnoreFile.Read(new byte[1024 * 1024 + 1]));
        Assert.Throws<IgnoreException>(static () => new IgnoreMatcher([new string('a', 5000)]));
        Assert.Throws<IgnoreException>(static () => new IgnoreMatcher(Enumerable.Repeat("a", 10_001)));
        Assert.False(new IgnoreMatcher([string.Concat(Enumerable.Repeat("*a", 500)) + "b"]).IsIgnored(new string('a', 2000))); // no time without end
    }
}
