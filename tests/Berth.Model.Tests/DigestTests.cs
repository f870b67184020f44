namespace Berth.Model.Tests;

public sealed class DigestTests
{
    private const string Empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Fact]
    public void TheDigestOfNothingIsKnown() => Assert.Equal(Empty, Digest.Of([]).ToString());

    [Fact]
    public void WhatIsParsedIsWrittenBack()
    {
        var digest = Digest.Parse(Empty);
        Assert.Equal(Empty, digest.ToString());
        Assert.Equal(Digest.FromHex(Empty[7..]), digest);
        Assert.False(digest.IsEmpty);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256:")]
    [InlineData("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85")]
    [InlineData("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    [InlineData("sha256:../../../../../../../../../../../../../../../../../../../../../etc/")]
    [InlineData("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n")]
    public void AnythingElseIsRefused(string text)
    {
        Assert.False(Digest.TryParse(text, out _));
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => Digest.Parse(text)).Kind);
    }

    [Fact]
    public void TheDefaultValueIsEmpty()
    {
        Assert.True(default(Digest).IsEmpty);
        Assert.Equal("", default(Digest).ToString());
    }

    [Fact]
    public void AHashOfAnotherLengthIsAMistakeOfTheCaller() => Assert.Throws<ArgumentException>(() => Digest.FromHash(new byte[31]));
}
