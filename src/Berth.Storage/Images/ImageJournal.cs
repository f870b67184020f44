using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Metadata;

namespace Berth.Storage.Images;

/// <summary>An image as the journal keeps it; its key is the id. The configuration stays in the content store.</summary>
internal sealed record ImageEntry
{
    public required Digest Manifest { get; init; }

    public required IReadOnlyList<Digest> LayerBlobs { get; init; }

    public required IReadOnlyList<Digest> ChainIds { get; init; }

    public required long Size { get; init; }

    public DateTimeOffset? LastTagged { get; init; }

    public Digest? Parent { get; init; }

    public bool? ManifestIsReceived { get; init; }

    public Digest? Index { get; init; }
}

/// <summary>An unpacked layer as the journal keeps it; its key is the chain id.</summary>
internal sealed record LayerEntry
{
    public required Digest DiffId { get; init; }

    public required long Size { get; init; }

    /// <summary>Bytes of the uncompressed archive; null in records from before it was kept.</summary>
    public long? TarSize { get; init; }
}

/// <summary>Keys and values of the image store's buckets: images by id, layers by chain id, references (fully qualified name) to ids, steps of builds by their keys.</summary>
internal static class ImageJournal
{
    public const string Images = "images";
    public const string Layers = "layers";
    public const string References = "references";
    public const string Steps = "steps";

    public static JournalChange Put(Digest id, ImageEntry entry) =>
        new(Images, id.ToString(), JsonSerializer.SerializeToUtf8Bytes(entry, ImageJournalJsonContext.Default.ImageEntry));

    public static JournalChange Put(Digest chainId, LayerEntry entry) =>
        new(Layers, chainId.ToString(), JsonSerializer.SerializeToUtf8Bytes(entry, ImageJournalJsonContext.Default.LayerEntry));

    public static JournalChange Put(ImageReference reference, Digest id) => new(References, reference.ToString(), System.Text.Encoding.ASCII.GetBytes(id.ToString()));

    public static JournalChange Put(BuildStep step) => new(Steps, step.Key.ToString(), JsonSerializer.SerializeToUtf8Bytes(step, ImageJournalJsonContext.Default.BuildStep));

    public static JournalChange DeleteStep(Digest key) => new(Steps, key.ToString(), null);

    public static JournalChange DeleteImage(Digest id) => new(Images, id.ToString(), null);

    public static JournalChange DeleteLayer(Digest chainId) => new(Layers, chainId.ToString(), null);

    public static JournalChange Delete(ImageReference reference) => new(References, reference.ToString(), null);

    public static ImageEntry ReadImage(string key, byte[] value) => Read(key, value, ImageJournalJsonContext.Default.ImageEntry);

    public static LayerEntry ReadLayer(string key, byte[] value) => Read(key, value, ImageJournalJsonContext.Default.LayerEntry);

    public static BuildStep ReadStep(string key, byte[] value) => Read(key, value, ImageJournalJsonContext.Default.BuildStep);

    private static T Read<T>(string key, byte[] value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(value, type) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the journal's record of {key} cannot be read: {e.Message}", e);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = [typeof(DigestConverter)])]
[JsonSerializable(typeof(ImageEntry))]
[JsonSerializable(typeof(LayerEntry))]
[JsonSerializable(typeof(BuildStep))]
internal sealed partial class ImageJournalJsonContext : JsonSerializerContext;
