using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>One manifest of an image, as <c>GET /images/json?manifests=1</c> tells it since API 1.47.</summary>
public sealed record ImageManifestSummary
{
    /// <summary>What <see cref="Kind"/> says of an image that containers can be made from.</summary>
    public const string ImageKind = "image";

    /// <summary>The manifest's digest.</summary>
    [JsonPropertyName("ID")]
    public string Id { get; set => field = value ?? ""; } = "";

    public OciDescriptor Descriptor { get; set => field = value ?? new OciDescriptor(); } = new();

    /// <summary>Whether its configuration and all of its layers are here.</summary>
    public bool Available { get; set; }

    public ImageManifestSize Size { get; set => field = value ?? new ImageManifestSize(); } = new();

    /// <summary><see cref="ImageKind"/>, <c>attestation</c> or <c>unknown</c>.</summary>
    public string Kind { get; set => field = value ?? ""; } = "";

    /// <summary>Only for <see cref="ImageKind"/>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ImageManifestData? ImageData { get; set; }
}

/// <summary>Bytes that a manifest and all that it names take.</summary>
public sealed record ImageManifestSize
{
    /// <summary>With what is unpacked.</summary>
    public long Total { get; set; }

    /// <summary>As they are kept to be sent: manifest, configuration, layers.</summary>
    public long Content { get; set; }
}

/// <summary>What is known of an image's manifest besides its content.</summary>
public sealed record ImageManifestData
{
    public OciPlatform Platform { get; set => field = value ?? new OciPlatform(); } = new();

    /// <summary>Ids of the containers that were made from it.</summary>
    public List<string> Containers { get; set => field = value ?? []; } = [];

    public ImageUnpackedSize Size { get; set => field = value ?? new ImageUnpackedSize(); } = new();
}

/// <summary>Bytes of an image's layers as containers see them.</summary>
public sealed record ImageUnpackedSize
{
    public long Unpacked { get; set; }
}

/// <summary>A reference to a blob (OCI image specification, descriptor.md).</summary>
public sealed record OciDescriptor
{
    [JsonPropertyName("mediaType")]
    public string MediaType { get; set => field = value ?? ""; } = "";

    [JsonPropertyName("digest")]
    public string Digest { get; set => field = value ?? ""; } = "";

    /// <summary>Bytes.</summary>
    [JsonPropertyName("size")]
    public long Size { get; set; }
}

/// <summary>What an image runs on (OCI image specification, image-index.md).</summary>
public sealed record OciPlatform
{
    [JsonPropertyName("architecture")]
    public string Architecture { get; set => field = value ?? ""; } = "";

    [JsonPropertyName("os")]
    public string Os { get; set => field = value ?? ""; } = "";

    [JsonPropertyName("variant")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; set; }
}
