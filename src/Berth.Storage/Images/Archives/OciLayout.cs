using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Images.Archives;

/// <summary>Archives with an index.json (OCI image specification, image-layout.md).</summary>
internal static class OciLayout
{
    /// <summary>The document that lists the images.</summary>
    public const string IndexName = "index.json";
    private const string FullNameAnnotation = "io.containerd.image.name";
    private const string RefNameAnnotation = "org.opencontainers.image.ref.name";
    private const int MaxDepth = 4;
    private const int MaxDescriptors = 10_000;

    /// <summary>The images that the document lists; of an index within it, the one for <paramref name="platform"/>.</summary>
    /// <exception cref="EngineException">InvalidArgument for what is malformed or missing.</exception>
    public static IReadOnlyList<ArchiveImage> Find(ArchiveMembers members, byte[] document, Platform platform)
    {
        List<IndexDescriptor> top = [.. ReadIndex(document, IndexName).Manifests.Where(static descriptor => !PlatformChoice.IsAttestation(descriptor))];
        bool isOneForManyPlatforms = top.Count > 1 && top.TrueForAll(static descriptor => descriptor.Platform is not null && NameOf(descriptor) is null);
        if (isOneForManyPlatforms)
        {
            top = [Choose(top, platform)];
        }

        List<ArchiveImage> images = [];
        foreach (IGrouping<Digest, IndexDescriptor> same in top.GroupBy(static descriptor => descriptor.Digest))
        {
            byte[] manifest = Resolve(members, same.First(), platform, 0);
            images.Add(Describe(members, manifest, [.. same.Select(NameOf).OfType<ImageReference>().Distinct()]));
        }

        return images;
    }

    /// <summary>All manifests that the document lists directly, by their configurations' digests.</summary>
    public static IReadOnlyDictionary<Digest, byte[]> ManifestsByConfig(ArchiveMembers members, byte[] document)
    {
        Dictionary<Digest, byte[]> found = [];
        foreach (IndexDescriptor descriptor in ReadIndex(document, IndexName).Manifests.Where(static descriptor => descriptor.MediaType is MediaTypes.OciManifest or MediaTypes.DockerManifest))
        {
            byte[] manifest = members.GetDocument(descriptor.Digest, "manifest");
            found[ImagePlan.ReadManifest(manifest).Config.Digest] = manifest;
        }

        return found;
    }

    /// <summary>An annotation of the document itself; null when it has none of that name.</summary>
    public static string? AnnotationOf(byte[] document, string name) => ReadIndex(document, IndexName).Annotations?.GetValueOrDefault(name);

    private static ArchiveImage Describe(ArchiveMembers members, byte[] document, IReadOnlyList<ImageReference> names)
    {
        ImageManifest manifest = ImagePlan.ReadManifest(document);
        List<Digest> layers = [.. manifest.Layers.Select(layer => members.FindLayer(layer.Digest))];
        // A layer that is kept unpacked has another digest than the manifest says; then one is made that fits.
        bool fits = layers.Zip(manifest.Layers).All(static pair => pair.First.IsEmpty || pair.First == pair.Second.Digest);
        return new ArchiveImage(members.GetDocument(manifest.Config.Digest, "configuration"), fits ? document : null, layers, names, default);
    }

    private static byte[] Resolve(ArchiveMembers members, IndexDescriptor descriptor, Platform platform, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the archive's indexes lie in each other more than {MaxDepth} deep");
        }

        byte[] document = members.GetDocument(descriptor.Digest, "manifest");
        if (descriptor.MediaType is not (MediaTypes.OciIndex or MediaTypes.DockerManifestList))
        {
            return document;
        }

        List<IndexDescriptor> inner = [.. ReadIndex(document, descriptor.Digest.ToString()).Manifests.Where(static inner => !PlatformChoice.IsAttestation(inner))];
        return Resolve(members, Choose(inner, platform), platform, depth + 1);
    }

    private static IndexDescriptor Choose(List<IndexDescriptor> descriptors, Platform platform) =>
        PlatformChoice.Find(descriptors, platform)
        ?? throw new EngineException(ErrorKind.NotFound, $"the archive has no image for {platform}; it has {PlatformChoice.Describe(descriptors)}");

    private static ImageReference? NameOf(IndexDescriptor descriptor)
    {
        if (descriptor.Annotations is not { } annotations)
        {
            return null;
        }

        if (annotations.TryGetValue(FullNameAnnotation, out string? name) && ImageReference.TryParse(name, out ImageReference full, out _) && full.Digest.IsEmpty)
        {
            return full.WithDefaultTag();
        }

        // By the specification a tag alone, which names no repository; some writers put the whole name there.
        return annotations.TryGetValue(RefNameAnnotation, out string? text) && text.AsSpan().IndexOfAny(':', '/') >= 0
            && ImageReference.TryParse(text, out ImageReference reference, out _) && reference.Digest.IsEmpty
                ? reference.WithDefaultTag()
                : null;
    }

    private static ImageIndex ReadIndex(byte[] document, string name) => ImageDocuments.ReadIndex(document, $"the archive's index {name}");
}
