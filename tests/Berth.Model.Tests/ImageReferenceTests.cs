namespace Berth.Model.Tests;

public sealed class ImageReferenceTests
{
    private const string Hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Theory]
    [InlineData("busybox", "docker.io/library/busybox", "busybox")]
    [InlineData("library/busybox", "docker.io/library/busybox", "busybox")]
    [InlineData("docker.io/busybox", "docker.io/library/busybox", "busybox")]
    [InlineData("index.docker.io/busybox", "docker.io/library/busybox", "busybox")]
    [InlineData("me/app:1.0", "docker.io/me/app:1.0", "me/app:1.0")]
    [InlineData("localhost/app", "localhost/app", "localhost/app")]
    [InlineData("host:5000/a/b:t", "host:5000/a/b:t", "host:5000/a/b:t")]
    [InlineData("example.org/a", "example.org/a", "example.org/a")]
    [InlineData("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a")]
    [InlineData("a__b/c-d--e.f", "docker.io/a__b/c-d--e.f", "a__b/c-d--e.f")]
    [InlineData("busybox@sha256:" + Hex, "docker.io/library/busybox@sha256:" + Hex, "busybox@sha256:" + Hex)]
    [InlineData("busybox:1@sha256:" + Hex, "docker.io/library/busybox:1@sha256:" + Hex, "busybox:1@sha256:" + Hex)]
    public void NamesAreCompletedAndAbbreviated(string text, string full, string familiar)
    {
        var reference = ImageReference.Parse(text);
        Assert.Equal(full, reference.ToString());
        Assert.Equal(familiar, reference.Familiar);
        Assert.Equal(reference, ImageReference.Parse(full));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":tag")]
    [InlineData("a:")]
    [InlineData("a:-x")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("/a")]
    [InlineData("-a")]
    [InlineData("a-")]
    [InlineData("a..b")]
    [InlineData("a___b")]
    [InlineData("../a")]
    [InlineData("a b")]
    [InlineData("a@sha256:12")]
    [InlineData("a@md5:" + Hex)]
    [InlineData("host:port/a")]
    [InlineData("a\n")]
    [InlineData(Hex)]
    public void WhatTheGrammarLacksIsRefused(string text)
    {
        EngineException exception = Assert.Throws<EngineException>(() => ImageReference.Parse(text));
        Assert.Equal(ErrorKind.InvalidArgument, exception.Kind);
        Assert.StartsWith("invalid re", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UpperCaseIsNamedInTheError() =>
        Assert.Equal("invalid reference format: repository name (library/BusyBox) must be lowercase",
            Assert.Throws<EngineException>(() => ImageReference.Parse("BusyBox")).Message);

    [Fact]
    public void NamesAndTagsEndSomewhere()
    {
        Assert.True(ImageReference.TryParse("example.org/" + new string('a', 255 - 12), out _, out _));
        Assert.False(ImageReference.TryParse("example.org/" + new string('a', 255 - 11), out _, out string? error));
        Assert.Equal("repository name must not be more than 255 characters", error);
        Assert.True(ImageReference.TryParse("a:" + new string('t', 128), out _, out _));
        Assert.False(ImageReference.TryParse("a:" + new string('t', 129), out _, out _));
    }

    [Fact]
    public void LatestIsTheDefaultTag()
    {
        Assert.Equal("latest", ImageReference.Parse("a").WithDefaultTag().Tag);
        Assert.Equal("1", ImageReference.Parse("a:1").WithDefaultTag().Tag);
        Assert.Null(ImageReference.Parse("a@sha256:" + Hex).WithDefaultTag().Tag);
        Assert.Throws<EngineException>(() => ImageReference.Parse("a").WithTag("b c"));
    }
}
