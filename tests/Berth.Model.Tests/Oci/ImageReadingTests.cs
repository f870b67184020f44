using System.Text;
using Berth.Model.Oci.Image;

namespace Berth.Model.Tests.Oci;

public sealed class ImageReadingTests
{
    private static readonly string Hash = "sha256:" + new string('a', 64);

    [Theory]
    [InlineData("linux/amd64", "linux/arm64 linux/amd64", "linux/amd64")]
    [InlineData("linux/amd64", "linux/amd64/v3 linux/386", "linux/386")]
    [InlineData("linux/amd64/v3", "linux/amd64 linux/amd64/v2 linux/amd64/v4", "linux/amd64/v2")]
    [InlineData("linux/arm64", "linux/arm/v7 linux/arm64/v8", "linux/arm64/v8")]
    [InlineData("linux/arm64/v8", "linux/arm64", "linux/arm64")]
    [InlineData("linux/arm/v7", "linux/arm/v5 linux/arm/v6 linux/arm64", "linux/arm/v6")]
    [InlineData("linux/arm", "linux/arm/v6 linux/arm/v7", "linux/arm/v7")]
    [InlineData("linux/arm/v6", "linux/arm/v7", null)]
    [InlineData("linux/riscv64", "linux/amd64", null)]
    [InlineData("linux/amd64", "unknown/unknown windows/amd64", null)]
    public void ThePlatformThatFitsBest(string wanted, string offered, string? chosen)
    {
        IEnumerable<IndexDescriptor> all = offered.Split(' ').Select(static name => new IndexDescriptor { Digest = Digest.Parse(Hash), Platform = Named(name) });
        string[] parts = wanted.Split('/');
        Assert.Equal(chosen, PlatformChoice.Find(all, new Platform(parts[0], parts[1], parts.ElementAtOrDefault(2)))?.Platform?.ToString());
    }

    [Fact]
    public void ASingleOneWithoutAPlatformIsTaken()
    {
        var one = new IndexDescriptor { Digest = Digest.Parse(Hash) };
        Assert.Same(one, PlatformChoice.Find([one, one with { Platform = Named("unknown/unknown") }], Platform.Host));
        Assert.Null(PlatformChoice.Find([one, one], Platform.Host));
        Assert.Null(PlatformChoice.Find([one with { ArtifactType = "x/y" }], Platform.Host));
    }

    [Theory]
    [InlineData("""{"schemaVersion":2,"manifests":[],"layers":[]}""", null)]
    [InlineData("""{"schemaVersion":2,"manifests":[],"Config":{}}""", null)]
    [InlineData("""{"schemaVersion":2,"manifests":[]}""", MediaTypes.DockerManifest)]
    [InlineData("""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","layers":[]}""", null)]
    [InlineData("""{"schemaVersion":1,"fsLayers":[]}""", null)]
    [InlineData("""{"schemaVersion":2}""", null)]
    [InlineData("""[]""", null)]
    [InlineData("""{"manifests":[]} {}""", null)]
    [InlineData("", null)]
    public void WhatIsTwoThingsOrNoneIsRefused(string document, string? mediaType)
    {
        EngineException e = Assert.Throws<EngineException>(() => ImageDocuments.KindOf(Encoding.UTF8.GetBytes(document), mediaType, "the manifest of x"));
        Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
        Assert.StartsWith("the manifest of x", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ArtifactsAreNoImages()
    {
        ImageManifest chart = Read("application/vnd.cncf.helm.config.v1+json", "");
        EngineException e = Assert.Throws<EngineException>(() => ImageDocuments.RequireImage(chart, "x"));
        Assert.Contains("an artifact of type \"application/vnd.cncf.helm.config.v1+json\"", e.Message, StringComparison.Ordinal);
        Assert.Throws<EngineException>(() => ImageDocuments.RequireImage(Read(MediaTypes.OciEmpty, "\"artifactType\":\"a/b\","), "x"));
        ImageDocuments.RequireImage(Read(MediaTypes.DockerConfig, ""), "x");
        Assert.True(MediaTypes.IsForeignLayer(MediaTypes.DockerForeignLayerGzip));
        Assert.True(MediaTypes.IsForeignLayer("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"));
        Assert.False(MediaTypes.IsForeignLayer(MediaTypes.OciLayerGzip));
    }

    private static ImageManifest Read(string config, string more) =>
        ImageDocuments.ReadManifest(Encoding.UTF8.GetBytes($$"""{"schemaVersion":2,{{more}}"config":{"mediaType":"{{config}}","digest":"{{Hash}}","size":1},"layers":[]}"""), "x");

    private static IndexPlatform Named(string name)
    {
        string[] parts = name.Split('/');
        return new IndexPlatform { Os = parts[0], Architecture = parts[1], Variant = parts.ElementAtOrDefault(2) };
    }
}
