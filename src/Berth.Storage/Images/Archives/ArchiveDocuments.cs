using System.Text.Json.Serialization;
using Berth.Model;
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

/// <summary>A reference in an index (OCI image specification, image-index.md).</summary>
internal sealed record IndexDescriptor
{
    public string? MediaType { get; init; }

    public required Digest Digest { get; init; }

    public long Size { get; init; }

    public IndexPlatform? Platform { get; init; }

    public Dictionary<string, string>? Annotations { get; init; }
}

/// <summary>What an image in an index is for.</summary>
internal sealed record IndexPlatform
{
    public string? Architecture { get; init; }

    public string? Os { get; init; }

    public string? Variant { get; init; }
}

/// <summary>An index of images, or of further indexes.</summary>
internal sealed record ImageIndex
{
    public int SchemaVersion { get; init; } = 2;

    public string? MediaType { get; init; }

    public required IReadOnlyList<IndexDescriptor> Manifests { get; init; }
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
