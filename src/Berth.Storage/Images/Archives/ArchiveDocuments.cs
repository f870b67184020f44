using System.Text.Json.Serialization;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Images.Archives;

/// <summary>One image of a docker archive's manifest.json.</summary>
internal sealed record DockerArchiveItem
{
    public required string Config { get; init; }

    public IReadOnlyList<string>? RepoTags { get; init; }

    public IReadOnlyList<string>? Layers { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Parent { get; init; }
}

/// <summary>The file oci-layout (OCI image specification, image-layout.md).</summary>
internal sealed record OciLayoutMark
{
    public string? ImageLayoutVersion { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = [typeof(DigestConverter)])]
[JsonSerializable(typeof(ImageIndex))]
[JsonSerializable(typeof(OciLayoutMark))]
internal sealed partial class OciLayoutJsonContext : JsonSerializerContext;

[JsonSerializable(typeof(List<DockerArchiveItem>))]
[JsonSerializable(typeof(Dictionary<string, Dictionary<string, string>>))]
internal sealed partial class DockerArchiveJsonContext : JsonSerializerContext;
