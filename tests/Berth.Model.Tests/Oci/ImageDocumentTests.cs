using System.Text;
using System.Text.Json;
using Berth.Model.Oci.Image;

namespace Berth.Model.Tests.Oci;

public sealed class ImageDocumentTests
{
    private const string Hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Fact]
    public void AManifestIsWrittenInTheSpecificationsNames()
    {
        var manifest = new ImageManifest
        {
            MediaType = MediaTypes.OciManifest,
            Config = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = Digest.FromHex(Hex), Size = 2 },
            Layers = [],
        };
        Assert.Equal(
            """{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:HEX","size":2},"layers":[]}"""
                .Replace("HEX", Hex, StringComparison.Ordinal),
            Encoding.UTF8.GetString(JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJsonContext.Default.ImageManifest)).Replace("\\u002B", "+", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"schemaVersion":2,"layers":[]}""")]
    [InlineData("""{"config":{"mediaType":"x","digest":"sha256:12","size":1},"layers":[]}""")]
    [InlineData("""{"config":{"mediaType":"x","digest":7,"size":1},"layers":[]}""")]
    [InlineData("[]")]
    public void ABrokenManifestIsAJsonError(string text) =>
        Assert.ThrowsAny<Exception>(() => JsonSerializer.Deserialize(text, ManifestJsonContext.Default.ImageManifest));

    [Fact]
    public void FieldsOfDockerThatAreNotNamedSurvive()
    {
        const string Text = """{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"],"Shell":["/bin/bash"],"OnBuild":["RUN x"]},"rootfs":{"type":"layers","diff_ids":["sha256:HEX"]}}""";
        ImageConfig config = JsonSerializer.Deserialize(Text.Replace("HEX", Hex, StringComparison.Ordinal), ImageConfigJsonContext.Default.ImageConfig)!; // the text is no null
        string again = JsonSerializer.Serialize(config, ImageConfigJsonContext.Default.ImageConfig);
        Assert.Contains("\"Shell\":[\"/bin/bash\"]", again, StringComparison.Ordinal);
        Assert.Contains("\"OnBuild\":[\"RUN x\"]", again, StringComparison.Ordinal);
        Assert.Equal(Digest.FromHex(Hex), Assert.Single(config.Rootfs.DiffIds));
    }
}
