namespace Berth.Model.Tests;

public sealed class ContainerIdTests
{
    [Fact]
    public void IdsAreRandomAndParseBack()
    {
        HashSet<string> seen = [.. Enumerable.Range(0, 1000).Select(static _ => ContainerId.Create().ToString())];
        Assert.Equal(1000, seen.Count);
        foreach (string text in seen)
        {
            Assert.Equal(64, text.Length);
            Assert.True(ContainerId.TryParse(text, out ContainerId id));
            Assert.Equal(text, id.ToString());
            Assert.Equal(text[..12], id.Short);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("../../etc")]
    [InlineData("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData("g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    public void AnythingElseIsNoId(string text) => Assert.False(ContainerId.TryParse(text, out _));

    /// <summary>A short id of digits alone would be a host name that tools take for a number.</summary>
    [Fact]
    public void ShortIdsAreNeverNumbers() =>
        Assert.DoesNotContain(Enumerable.Range(0, 20000).Select(static _ => ContainerId.Create().Short), static id => id.All(char.IsAsciiDigit));
}
