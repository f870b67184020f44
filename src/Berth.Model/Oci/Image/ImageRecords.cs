using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Model.Oci.Image;

/// <summary>Media types of the OCI image specification 1.1 and their Docker schema 2 predecessors.</summary>
public static class MediaTypes
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciConfig = "application/vnd.oci.image.config.v1+json";
    public const string OciLayer = "application/vnd.oci.image.layer.v1.tar";
    public const string OciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
    public const string OciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerConfig = "application/vnd.docker.container.image.v1+json";
    public const string DockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
    public const string DockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    public const string DockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd";
    public const string DockerForeignLayerGzip = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    public const string OciEmpty = "application/vnd.oci.empty.v1+json";
    private const string OciForeignLayerPrefix = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    private const string DockerForeignLayerPrefix = "application/vnd.docker.image.rootfs.foreign.diff.tar";

    /// <summary>Whether this names an image manifest.</summary>
    public static bool IsManifest(string? mediaType) => mediaType is OciManifest or DockerManifest;

    /// <summary>Whether this names an index (docker: manifest list).</summary>
    public static bool IsIndex(string? mediaType) => mediaType is OciIndex or DockerManifestList;

    /// <summary>Whether this names a layer that a registry holds: a tar, plain or packed.</summary>
    public static bool IsLayer(string? mediaType) => mediaType is OciLayer or OciLayerGzip or OciLayerZstd or DockerLayer or DockerLayerGzip or DockerLayerZstd;

    /// <summary>Whether this names a layer that registries do not hold: it is to be had from its descriptor's URLs, or not at all.</summary>
    public static bool IsForeignLayer(string? mediaType) =>
        mediaType is not null && (mediaType.StartsWith(OciForeignLayerPrefix, StringComparison.Ordinal) || mediaType.StartsWith(DockerForeignLayerPrefix, StringComparison.Ordinal));
}

/// <summary>A reference to a blob with its type and size in bytes (OCI image specification, descriptor.md).</summary>
public sealed record Descriptor
{
    public required string MediaType { get; init; }
    public required Digest Digest { get; init; }
    public required long Size { get; init; }

    /// <summary>Where else the blob can be had; of foreign layers the only place.</summary>
    public IReadOnlyList<string>? Urls { get; init; }
    public Dictionary<string, string>? Annotations { get; init; }
    public IndexPlatform? Platform { get; init; }
    public string? ArtifactType { get; init; }
}

/// <summary>One image for one platform (OCI image specification, manifest.md).</summary>
public sealed record ImageManifest
{
    public int SchemaVersion { get; init; } = 2;
    public string? MediaType { get; init; }

    /// <summary>What it is, where it is no image (manifest.md, "Guidelines for Artifact Usage").</summary>
    public string? ArtifactType { get; init; }
    public required Descriptor Config { get; init; }
    public required IReadOnlyList<Descriptor> Layers { get; init; }

    /// <summary>The manifest that this one is about.</summary>
    public Descriptor? Subject { get; init; }
    public Dictionary<string, string>? Annotations { get; init; }
}

/// <summary>What an image says about how to run it (OCI image specification, config.md, with Docker's additions).</summary>
public sealed record ImageConfig
{
    [JsonPropertyName("architecture")] public required string Architecture { get; init; }
    [JsonPropertyName("variant")] public string? Variant { get; init; }
    [JsonPropertyName("os")] public required string Os { get; init; }
    [JsonPropertyName("created")] public DateTimeOffset? Created { get; init; }
    [JsonPropertyName("author")] public string? Author { get; init; }
    [JsonPropertyName("comment")] public string? Comment { get; init; }
    [JsonPropertyName("docker_version")] public string? DockerVersion { get; init; }
    [JsonPropertyName("container")] public string? Container { get; init; }

    /// <summary>Docker's addition: what the container was made with that the last layer was taken from.</summary>
    [JsonPropertyName("container_config")] public ImageRunConfig? ContainerConfig { get; init; }
    [JsonPropertyName("config")] public ImageRunConfig? Config { get; init; }
    [JsonPropertyName("rootfs")] public required ImageRootfs Rootfs { get; init; }
    [JsonPropertyName("history")] public IReadOnlyList<ImageHistory>? History { get; init; }
}

/// <summary>Defaults for a container's process; every field may be absent.</summary>
public sealed record ImageRunConfig
{
    public string? User { get; init; }
    public IReadOnlyList<string>? Env { get; init; }
    public IReadOnlyList<string>? Cmd { get; init; }
    public IReadOnlyList<string>? Entrypoint { get; init; }
    public string? WorkingDir { get; init; }
    public Dictionary<string, string>? Labels { get; init; }
    public string? StopSignal { get; init; }
    public Dictionary<string, JsonElement>? ExposedPorts { get; init; }
    public Dictionary<string, JsonElement>? Volumes { get; init; }
    public bool? ArgsEscaped { get; init; }

    /// <summary>Docker's fields that this record does not name, kept as received (Healthcheck, OnBuild, Shell). Settable: the source generator cannot bind an init-only one.</summary>
    [JsonExtensionData] public Dictionary<string, JsonElement>? Other { get; set; }
}

/// <summary>The layers' uncompressed digests, lowest first.</summary>
public sealed record ImageRootfs
{
    [JsonPropertyName("type")] public string Type { get; init; } = "layers";
    [JsonPropertyName("diff_ids")] public required IReadOnlyList<Digest> DiffIds { get; init; }
}

/// <summary>How one layer, or an empty step, came to be.</summary>
public sealed record ImageHistory
{
    [JsonPropertyName("created")] public DateTimeOffset? Created { get; init; }
    [JsonPropertyName("created_by")] public string? CreatedBy { get; init; }
    [JsonPropertyName("author")] public string? Author { get; init; }
    [JsonPropertyName("comment")] public string? Comment { get; init; }
    [JsonPropertyName("empty_layer")] public bool? EmptyLayer { get; init; }
}

/// <summary>Writes and reads a <see cref="Digest"/> as its string.</summary>
public sealed class DigestConverter : JsonConverter<Digest>
{
    /// <inheritdoc/>
    public override Digest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        Digest.TryParse(reader.GetString(), out Digest digest) ? digest : throw new JsonException("wanted a sha256 digest");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}

/// <summary>JSON of the image documents; manifests and descriptors are camel-cased, configs name their fields themselves.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(DigestConverter)])]
[JsonSerializable(typeof(ImageManifest))]
[JsonSerializable(typeof(ImageIndex))]
public sealed partial class ManifestJsonContext : JsonSerializerContext;

/// <summary>JSON of the image configuration document.</summary>
[JsonSourceGenerationOptions(
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(DigestConverter)])]
[JsonSerializable(typeof(ImageConfig))]
[JsonSerializable(typeof(ImageRunConfig))]
public sealed partial class ImageConfigJsonContext : JsonSerializerContext;
