using System.Text.Json;

namespace Berth.Model.Oci.Image;

/// <summary>What a registry's manifest document is.</summary>
public enum ImageDocumentKind
{
    /// <summary>One image, or an artifact in an image's form.</summary>
    Manifest,

    /// <summary>A list of manifests.</summary>
    Index,
}

/// <summary>Reads manifests and indexes strictly: what two readers could take for different things is refused.</summary>
public static class ImageDocuments
{
    /// <summary>No document is larger than this, in bytes.</summary>
    public const int MaxDocument = 8 << 20;
    private const int MaxDescriptors = 10_000;

    /// <summary>Parses an image manifest; one that could also be taken for an index is refused.</summary>
    /// <param name="document">As received.</param>
    /// <param name="subject">Begins the message of a failure, such as "the manifest of X".</param>
    /// <exception cref="EngineException">InvalidArgument, saying why; TooLarge.</exception>
    public static ImageManifest ReadManifest(ReadOnlySpan<byte> document, string subject)
    {
        using JsonDocument parsed = Parse(document, subject);
        try
        {
            if (Has(parsed, "manifests"))
            {
                throw new JsonException("it is no image manifest, or claims to be an index as well");
            }

            ImageManifest manifest = parsed.RootElement.Deserialize(ManifestJsonContext.Default.ImageManifest) ?? throw new JsonException("it is null");
            if (manifest is not { SchemaVersion: 2, MediaType: null or MediaTypes.OciManifest or MediaTypes.DockerManifest, Config: not null, Layers: not null })
            {
                throw new JsonException($"schema version {manifest.SchemaVersion} with the media type {manifest.MediaType}");
            }

            return manifest.Layers.Append(manifest.Config).All(static part => part is { Size: >= 0, MediaType: not null, Digest.IsEmpty: false })
                ? manifest
                : throw new JsonException("a descriptor has no media type, no digest or a size below zero");
        }
        catch (JsonException e)
        {
            throw Unreadable(subject, e);
        }
    }

    /// <summary>Parses an index; one that could also be taken for an image manifest is refused.</summary>
    /// <param name="document">As received.</param>
    /// <param name="subject">Begins the message of a failure, such as "the index of X".</param>
    /// <exception cref="EngineException">InvalidArgument, saying why; TooLarge.</exception>
    public static ImageIndex ReadIndex(ReadOnlySpan<byte> document, string subject)
    {
        using JsonDocument parsed = Parse(document, subject);
        try
        {
            if (Has(parsed, "layers") || Has(parsed, "config"))
            {
                throw new JsonException("it is no index, or claims to be an image manifest as well");
            }

            ImageIndex index = parsed.RootElement.Deserialize(ManifestJsonContext.Default.ImageIndex) ?? throw new JsonException("it is null");
            if (index is not { SchemaVersion: 2, MediaType: null or MediaTypes.OciIndex or MediaTypes.DockerManifestList, Manifests: { Count: <= MaxDescriptors } })
            {
                throw new JsonException($"schema version {index.SchemaVersion}, media type {index.MediaType}, {index.Manifests?.Count} manifests");
            }

            return index.Manifests.All(static part => part is { Size: >= 0, Digest.IsEmpty: false }) ? index : throw new JsonException("a descriptor has no digest or a size below zero");
        }
        catch (JsonException e)
        {
            throw Unreadable(subject, e);
        }
    }

    /// <summary>Whether a document is a manifest or an index: it has to look like one only, and like what its own media type and <paramref name="mediaType"/> (the registry's word for it; null: unknown) say.</summary>
    /// <exception cref="EngineException">InvalidArgument for what is neither, or both; TooLarge.</exception>
    public static ImageDocumentKind KindOf(ReadOnlySpan<byte> document, string? mediaType, string subject)
    {
        using JsonDocument parsed = Parse(document, subject);
        bool isIndex = Has(parsed, "manifests");
        bool isManifest = Has(parsed, "layers") || Has(parsed, "config");
        if (isIndex && isManifest)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{subject} is refused: it could be an index and an image manifest, and readers would see different images");
        }

        string? own = parsed.RootElement.TryGetProperty("mediaType", out JsonElement said) && said.ValueKind == JsonValueKind.String ? said.GetString() : null;
        if (!isIndex && !isManifest)
        {
            string what = Has(parsed, "fsLayers") || mediaType?.Contains("manifest.v1", StringComparison.Ordinal) == true
                ? "it has docker's schema 1, which no registry should serve any more; push the image anew"
                : $"it is neither an image manifest nor an index (media type {PrintableText.Of(own ?? mediaType ?? "unknown")})";
            throw new EngineException(ErrorKind.InvalidArgument, $"{subject} cannot be used: {what}");
        }

        foreach (string? type in (string?[])[own, mediaType])
        {
            if (isIndex ? MediaTypes.IsManifest(type) : MediaTypes.IsIndex(type))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"{subject} is refused: it is called {type}, but is {(isIndex ? "an index" : "an image manifest")}");
            }
        }

        return isIndex ? ImageDocumentKind.Index : ImageDocumentKind.Manifest;
    }

    /// <summary>Refuses a manifest that is no image to run: an artifact (chart, signature, model, ...) in an image's form.</summary>
    /// <exception cref="EngineException">InvalidArgument, naming what it is.</exception>
    public static void RequireImage(ImageManifest manifest, string subject)
    {
        bool isImage = manifest.Config.MediaType is MediaTypes.OciConfig or MediaTypes.DockerConfig or "application/octet-stream" or "";
        if (!isImage || !string.IsNullOrEmpty(manifest.ArtifactType))
        {
            string type = string.IsNullOrEmpty(manifest.ArtifactType) ? manifest.Config.MediaType : manifest.ArtifactType;
            throw new EngineException(ErrorKind.InvalidArgument, $"{subject} is not an image but an artifact of type \"{PrintableText.Of(type)}\": there is nothing in it to run");
        }
    }

    private static JsonDocument Parse(ReadOnlySpan<byte> document, string subject)
    {
        if (document.Length > MaxDocument)
        {
            throw new EngineException(ErrorKind.TooLarge, $"{subject} has {document.Length} bytes; at most {MaxDocument} are accepted");
        }

        JsonDocument? parsed = null;
        try
        {
            Utf8JsonReader reader = new(document);
            parsed = JsonDocument.ParseValue(ref reader);
            if (reader.Read() || parsed.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new JsonException("it is not one JSON object");
            }

            foreach (JsonProperty property in parsed.RootElement.EnumerateObject())
            {
                _ = (property.Name, property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString() : null);
            }

            return parsed;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter for half of a surrogate pair: good JSON, and no text
        {
            parsed?.Dispose();
            throw Unreadable(subject, e);
        }
    }

    // Readers differ in whether letter case matters.
    private static bool Has(JsonDocument document, string name)
    {
        foreach (JsonProperty property in document.RootElement.EnumerateObject())
        {
            if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static EngineException Unreadable(string subject, Exception e) => new(ErrorKind.InvalidArgument, $"{subject} cannot be read: {PrintableText.Of(e.Message)}", e);
}
