using System.Text.Json;
using Berth.Model;

namespace Berth.Storage.Images.Archives;

/// <summary>Archives with a manifest.json, as docker has written them since 1.10.</summary>
internal static class DockerArchive
{
    /// <summary>The document that lists the images.</summary>
    public const string ManifestName = "manifest.json";
    private const int MaxImages = 10_000;

    /// <summary>The images that the document lists.</summary>
    /// <param name="members">The archive.</param>
    /// <param name="document">Its manifest.json.</param>
    /// <param name="manifests">Manifests of an OCI layout in the same archive, by their configurations' digests.</param>
    /// <exception cref="EngineException">InvalidArgument for what is malformed or missing.</exception>
    public static IReadOnlyList<ArchiveImage> Find(ArchiveMembers members, byte[] document, IReadOnlyDictionary<Digest, byte[]> manifests)
    {
        List<DockerArchiveItem> items;
        try
        {
            items = JsonSerializer.Deserialize(document, DockerArchiveJsonContext.Default.ListDockerArchiveItem) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the archive's {ManifestName} cannot be read: {e.Message}", e);
        }

        return items.Count <= MaxImages
            ? [.. items.Select(item => Find(members, item, manifests))]
            : throw new EngineException(ErrorKind.InvalidArgument, $"the archive lists {items.Count} images, at most {MaxImages} are accepted");
    }

    private static ArchiveImage Find(ArchiveMembers members, DockerArchiveItem item, IReadOnlyDictionary<Digest, byte[]> manifests)
    {
        byte[] config = members.FindDocument(ArchiveMembers.Normalise(item.Config, ""))
            ?? throw new EngineException(ErrorKind.InvalidArgument, $"the archive lacks the configuration \"{item.Config}\", which its {ManifestName} names");
        if (item.Layers?.Count > ImagePlan.MaxLayers)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"an image of the archive has {item.Layers.Count} layers, at most {ImagePlan.MaxLayers} can be put on each other");
        }

        List<Digest> layers = [.. (item.Layers ?? []).Select(layer => members.FindLayer(ArchiveMembers.Normalise(layer, "")))];
        byte[]? manifest = manifests.GetValueOrDefault(Digest.Of(config));
        // What a delta leaves out may be what the manifest says.
        bool fits = manifest is not null && ImagePlan.ReadManifest(manifest).Layers is var named && named.Count == layers.Count
            && named.Zip(layers).All(static pair => pair.Second.IsEmpty || pair.First.Digest == pair.Second);
        return new ArchiveImage(
            config,
            fits ? manifest : null,
            layers,
            [.. (item.RepoTags ?? []).Select(ParseTag)],
            Digest.TryParse(item.Parent, out Digest parent) ? parent : default);
    }

    private static ImageReference ParseTag(string text)
    {
        ImageReference name = ImageReference.Parse(text);
        return name.Tag is not null && name.Digest.IsEmpty ? name : throw new EngineException(ErrorKind.InvalidArgument, $"invalid tag \"{text}\" in the archive");
    }
}
