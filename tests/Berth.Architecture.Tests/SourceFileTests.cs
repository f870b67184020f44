namespace Berth.Architecture.Tests;

/// <summary>The rules are only as good as the blanking of comments and strings below them.</summary>
public sealed class SourceFileTests
{
    [Theory]
    [InlineData("a // unsafe\nb", "a          \nb")]
    [InlineData("a /* unsafe\n*/ b", "a          \n   b")]
    [InlineData("x = \"un\\\"safe\";", "x =           ;")]
    [InlineData("x = @\"a\"\"b\";", "x = @      ;")]
    [InlineData("x = \"\"\"a \"q\" b\"\"\"; y", "x =              ; y")]
    [InlineData("c = '\"'; unsafe", "c =    ; unsafe")]
    public void CommentsAndStringsAreBlanked(string text, string wanted) => Assert.Equal(wanted, new SourceFile("src/P/F.cs", text).Code);

    [Fact]
    public void AnOffsetIsShownAsALine() => Assert.Equal("src/P/F.cs:2", new SourceFile("src/P/F.cs", "a\nb").At(2));
}
