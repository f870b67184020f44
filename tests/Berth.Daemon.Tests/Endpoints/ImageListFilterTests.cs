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
    public void References(string pattern, bool expected) => Assert.Equal(expected, ImageListFilter.Fits(Image, Filter("reference", pattern)));

    [Fact]
    public void A_star_does_not_cross_a_slash() => Assert.False(ImageListFilter.Fits(Create("team/app:v1"), Filter("reference", "*app")));

    [Fact]
    public void Several_references_are_alternatives_and_a_dangling_image_has_none()
    {
        Assert.True(ImageListFilter.Fits(Image, Filter("reference", "nope", "busybox")));
        Assert.False(ImageListFilter.Fits(Dangling, Filter("reference", "*")));
    }

    [Fact]
    public void Only_the_names_asked_for_are_left()
    {
        var summary = new ImageSummary { RepoTags = ["busybox:1.36", "other:1"], RepoDigests = ["busybox@sha256:aa", "other@sha256:aa"] };
        summary = ImageListFilter.Narrow(summary, Filter("reference", "busybox"));
        Assert.Equal(["busybox:1.36"], summary.RepoTags!);
        Assert.Equal(["busybox@sha256:aa"], summary.RepoDigests!);
    }

    [Fact]
    public void Dangling_images()
    {
        Assert.True(ImageListFilter.Fits(Dangling, Filter("dangling", "true")));
        Assert.False(ImageListFilter.Fits(Image, Filter("dangling", "1")));
        Assert.False(ImageListFilter.Fits(Dangling, Filter("dangling", "false")));
        Assert.True(ImageListFilter.Fits(Image, Filter("dangling", "false")));
    }

    [Theory]
    [InlineData("invalid filter 'dangling=[x]'", "x")]
    [InlineData("invalid filter 'dangling=[]'", "")]
    [InlineData("invalid filter 'dangling=[true false]'", "true", "false")]
    [InlineData("invalid filter 'dangling'")]
    public void A_value_that_is_none_is_refused(string message, params string[] values) =>
        Support.Refusal.Of(ErrorKind.InvalidArgument, message, () => ImageListFilter.Check(Filter("dangling", values)));

    [Theory]
    [InlineData("1")]
    [InlineData("false")]
    [InlineData("true", "x")]
    public void Other_values_beside_one_that_counts_do_not_matter(params string[] values) => ImageListFilter.Check(Filter("dangling", values));

    [Fact]
    public void Labels_have_all_to_be_there()
    {
        Assert.True(ImageListFilter.Fits(Image, Filter("label", "a", "b=2=3")));
        Assert.False(ImageListFilter.Fits(Image, Filter("label", "a=2")));
        Assert.False(ImageListFilter.Fits(Image, Filter("label", "a", "c")));
    }

    private static Dictionary<string, List<string>> Filter(string name, params string[] values) => new(StringComparer.Ordinal) { [name] = [.. values] };

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
