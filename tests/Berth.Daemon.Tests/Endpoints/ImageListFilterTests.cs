using Berth.Api;
using Berth.Daemon.Endpoints;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;

namespace Berth.Daemon.Tests.Endpoints;

public sealed class ImageListFilterTests
{
    private static readonly ImageRecord Image = Create("busybox:1.36", "registry.example:5000/team/app:v2");
    private static readonly ImageRecord Dangling = Create();

    [Theory]
    [InlineData("busybox", true)]
    [InlineData("busybox:1.36", true)]
    [InlineData("busybox:1.3?", true)]
    [InlineData("busy*", true)]
    [InlineData("*box:*", true)]
    [InlineData("busybox:2", false)]
    [InlineData("box", false)]
    [InlineData("*", true)]
    [InlineData("registry.example:5000/team/app", true)]
    [InlineData("registry.example:5000/*/app:v*", true)]
    [InlineData("registry.example:5000/*", false)]
    [InlineData("*/*/*", true)]
    [InlineData("", false)]
    public void References(string pattern, bool expected) => Assert.Equal(expected, Filter("reference", pattern).Fits(Image));

    [Fact]
    public void A_star_does_not_cross_a_slash() => Assert.False(Filter("reference", "*app").Fits(Create("team/app:v1")));

    [Fact]
    public void Several_references_are_alternatives_and_a_dangling_image_has_none()
    {
        Assert.True(Filter("reference", "nope", "busybox").Fits(Image));
        Assert.False(Filter("reference", "*").Fits(Dangling));
    }

    [Fact]
    public void Only_the_names_asked_for_are_left()
    {
        var summary = new ImageSummary { RepoTags = ["busybox:1.36", "other:1"], RepoDigests = ["busybox@sha256:aa", "other@sha256:aa"] };
        summary = Filter("reference", "busybox").Narrow(summary);
        Assert.Equal(["busybox:1.36"], summary.RepoTags!);
        Assert.Equal(["busybox@sha256:aa"], summary.RepoDigests!);
    }

    [Fact]
    public void Dangling_images()
    {
        Assert.True(Filter("dangling", "true").Fits(Dangling));
        Assert.False(Filter("dangling", "1").Fits(Image));
        Assert.False(Filter("dangling", "false").Fits(Dangling));
        Assert.True(Filter("dangling", "false").Fits(Image));
    }

    [Theory]
    [InlineData("invalid filter 'dangling=[x]'", "x")]
    [InlineData("invalid filter 'dangling=[]'", "")]
    [InlineData("invalid filter 'dangling=[true false]'", "true", "false")]
    [InlineData("invalid filter 'dangling'")]
    public void A_value_that_is_none_is_refused(string message, params string[] values) =>
        Support.Refusal.Of(ErrorKind.InvalidArgument, message, () => Filter("dangling", values));

    [Theory]
    [InlineData("1")]
    [InlineData("false")]
    [InlineData("true", "x")]
    public void Other_values_beside_one_that_counts_do_not_matter(params string[] values) => _ = Filter("dangling", values);

    [Fact]
    public void Labels_have_all_to_be_there()
    {
        Assert.True(Filter("label", "a", "b=2=3").Fits(Image));
        Assert.False(Filter("label", "a=2").Fits(Image));
        Assert.False(Filter("label", "a", "c").Fits(Image));
    }

    [Fact]
    public void Times()
    {
        ImageRecord older = Created(10);
        ImageRecord newer = Created(20);
        Assert.True(Filter("before", "newer").Fits(older));
        Assert.False(Filter("before", "newer").Fits(newer));
        Assert.True(Filter("since", "older").Fits(newer));
        Assert.False(Filter("since", "older").Fits(older));
        Assert.True(Filter("until", "15").Fits(older));
        Assert.False(Filter("until", "15").Fits(newer));
        Assert.True(Filter("until", "1970-01-01T00:00:15Z").Fits(older));
        Assert.False(Filter("until", "5s").Fits(Created(97)));
        Support.Refusal.Of(ErrorKind.InvalidArgument, "failed to parse value as time or duration: \"x\"", () => Filter("until", "x"));
    }

    [Fact]
    public void Labels_that_must_not_be_there()
    {
        Assert.False(Filter("label!", "a").Fits(Image));
        Assert.False(Filter("label!", "b=2=3").Fits(Image));
        Assert.True(Filter("label!", "a=2", "c").Fits(Image));
    }

    private static ImageListFilter Filter(string name, params string[] values) =>
        new(new Dictionary<string, List<string>>(StringComparer.Ordinal) { [name] = [.. values] }, static found => Created(found == "newer" ? 20 : 10), DateTimeOffset.UnixEpoch.AddSeconds(100));

    private static ImageRecord Created(int seconds)
    {
        ImageRecord image = Create();
        return image with { Config = image.Config with { Created = DateTimeOffset.UnixEpoch.AddSeconds(seconds) } };
    }

    private static ImageRecord Create(params string[] names) => new()
    {
        Id = Digest.Of("id"u8),
        Manifest = Digest.Of("manifest"u8),
        Config = new ImageConfig
        {
            Architecture = "amd64",
            Os = "linux",
            Rootfs = new ImageRootfs { DiffIds = [] },
            Config = new ImageRunConfig { Labels = new Dictionary<string, string>(StringComparer.Ordinal) { ["a"] = "1", ["b"] = "2=3" } },
        },
        References = [.. names.Select(ImageReference.Parse)],
        Size = 1,
        ChainIds = [],
    };
}
