using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Images;

/// <summary>A stored layer as a manifest names it.</summary>
internal sealed record LayerBlob(Digest Digest, long Size, string MediaType);

/// <summary>The documents of an image that is to be stored, checked against each other.</summary>
/// <param name="Config">The configuration, parsed.</param>
/// <param name="ChainIds">Of its layers, lowest first.</param>
internal sealed record ImagePlan(ImageConfig Config, IReadOnlyList<Digest> ChainIds)
{
    /// <summary>The kernel's overlay takes at most 500 lower folders; docker's images stop at 127.</summary>
    public const int MaxLayers = 500;

    /// <summary>A configuration or manifest is not larger than this, in bytes.</summary>
    public const int MaxDocument = ImageDocuments.MaxDocument;

    /// <summary>Parses and checks.</summary>
    /// <exception cref="EngineException">InvalidArgument, saying which document and why; TooLarge.</exception>
    public static ImagePlan Make(ImageParts parts)
    {
        ImageConfig config = ReadConfig(parts.Config);
        IReadOnlyList<Digest> diffIds = config.Rootfs.DiffIds;
        RequireCount(diffIds.Count);
        if (diffIds.Count != parts.LayerBlobs.Count)
        {
            throw Invalid($"its configuration names {diffIds.Count} layers, {parts.LayerBlobs.Count} came with it");
        }

        if (parts.Manifest is { } manifest)
        {
            Check(ReadManifest(manifest), parts);
        }

        return new ImagePlan(config, ChainIdsOf(diffIds));
    }

    /// <summary>Refuses images of more layers than a root file system can have.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    public static void RequireCount(int layers)
    {
        if (layers > MaxLayers)
        {
            throw Invalid($"it has {layers} layers, at most {MaxLayers} can be put on each other");
        }
    }

    /// <summary>The chain ids of layers, lowest first (OCI image specification, config.md, "Layer ChainID").</summary>
    public static IReadOnlyList<Digest> ChainIdsOf(IReadOnlyList<Digest> diffIds)
    {
        List<Digest> chainIds = [];
        foreach (Digest diffId in diffIds)
        {
            chainIds.Add(chainIds.Count == 0 ? diffId : Digest.FromHash(SHA256.HashData(Encoding.ASCII.GetBytes($"{chainIds[^1]} {diffId}"))));
        }

        return chainIds;
    }

    /// <summary>Parses a configuration document.</summary>
    /// <exception cref="EngineException">InvalidArgument; TooLarge.</exception>
    public static ImageConfig ReadConfig(ReadOnlySpan<byte> document)
    {
        RequireSize(document, "configuration");
        try
        {
            ImageConfig config = JsonSerializer.Deserialize(document, ImageConfigJsonContext.Default.ImageConfig) ?? throw new JsonException("it is null");
            return config.Rootfs is { Type: "layers", DiffIds: not null } ? config : throw new JsonException("rootfs is not made of layers");
        }
        catch (JsonException e)
        {
            throw Invalid($"its configuration cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Parses an image manifest; one that could also be taken for an index is refused, as different readers would see different images.</summary>
    /// <exception cref="EngineException">InvalidArgument; TooLarge.</exception>
    public static ImageManifest ReadManifest(ReadOnlySpan<byte> document) => ImageDocuments.ReadManifest(document, "the image cannot be used: its manifest");

    /// <summary>A manifest for an image that came without.</summary>
    public static byte[] MakeManifest(ReadOnlySpan<byte> config, IReadOnlyList<LayerBlob> layers)
    {
        ImageManifest manifest = new()
        {
            MediaType = MediaTypes.OciManifest,
            Config = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = Digest.Of(config), Size = config.Length },
            Layers = [.. layers.Select(static layer => new Descriptor { MediaType = layer.MediaType, Digest = layer.Digest, Size = layer.Size })],
        };
        return JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJsonContext.Default.ImageManifest);
    }

    private static void Check(ImageManifest manifest, ImageParts parts)
    {
        Digest config = Digest.Of(parts.Config);
        if (manifest.Config.Digest != config)
        {
            throw Invalid($"its manifest names the configuration {manifest.Config.Digest}, got {config}");
        }

        for (int i = 0; i < parts.LayerBlobs.Count; i++)
        {
            if (manifest.Layers.Count != parts.LayerBlobs.Count || (!parts.LayerBlobs[i].IsEmpty && manifest.Layers[i].Digest != parts.LayerBlobs[i]))
            {
                throw Invalid($"its manifest names other layers than those that came with it (layer {i + 1} of {parts.LayerBlobs.Count})");
            }
        }
    }

    private static void RequireSize(ReadOnlySpan<byte> document, string what)
    {
        if (document.Length > MaxDocument)
        {
            throw new EngineException(ErrorKind.TooLarge, $"the image's {what} has {document.Length} bytes; at most {MaxDocument} are accepted");
        }
    }

    private static EngineException Invalid(string why, Exception? inner = null) => new(ErrorKind.InvalidArgument, $"the image cannot be used: {why}", inner);
}
