namespace Berth.Model.Oci.Image;

/// <summary>An index of images, or of further indexes (OCI image specification, image-index.md; docker: manifest list).</summary>
public sealed record ImageIndex
{
    public int SchemaVersion { get; init; } = 2;
    public string? MediaType { get; init; }
    public string? ArtifactType { get; init; }
    public required IReadOnlyList<IndexDescriptor> Manifests { get; init; }
    public Descriptor? Subject { get; init; }
    public Dictionary<string, string>? Annotations { get; init; }
}

/// <summary>A reference in an index. Unlike a <see cref="Descriptor"/> it may lack its media type: archives of older writers leave it out.</summary>
public sealed record IndexDescriptor
{
    public string? MediaType { get; init; }
    public required Digest Digest { get; init; }
    public long Size { get; init; }
    public IReadOnlyList<string>? Urls { get; init; }
    public Dictionary<string, string>? Annotations { get; init; }
    public IndexPlatform? Platform { get; init; }
    public string? ArtifactType { get; init; }
}

/// <summary>What an image in an index is for.</summary>
public sealed record IndexPlatform
{
    public string? Architecture { get; init; }
    public string? Os { get; init; }
    [System.Text.Json.Serialization.JsonPropertyName("os.version")] public string? OsVersion { get; init; }
    [System.Text.Json.Serialization.JsonPropertyName("os.features")] public IReadOnlyList<string>? OsFeatures { get; init; }
    public string? Variant { get; init; }
    public IReadOnlyList<string>? Features { get; init; }

    /// <inheritdoc/>
    public override string ToString() => string.IsNullOrEmpty(Variant) ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}
