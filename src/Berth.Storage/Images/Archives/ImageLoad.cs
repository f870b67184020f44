using System.Collections.Immutable;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Images.Archives;

/// <summary>One image of an archive, found but not stored yet.</summary>
internal sealed record ArchiveImage(byte[] Config, byte[]? Manifest, IReadOnlyList<Digest> Layers, IReadOnlyList<ImageReference> Names, Digest Parent);

/// <summary>One load, from the archive to the records.</summary>
internal sealed class ImageLoad(ImageStore store, TarLimits limits)
{
    /// <summary>As <see cref="ImageStore.LoadAsync"/>.</summary>
    public async Task<IReadOnlyList<LoadedImage>> RunAsync(Stream archive, Platform platform, Action<LayerProgress>? report, CancellationToken cancellationToken)
    {
        await using ImageAssembly assembly = store.BeginAssembly();
        ArchiveMembers members = new(assembly, limits, report);
        await ThreadInput.RunAsync(archive, members.Read, cancellationToken);
        List<LoadedImage> loaded = [];
        string? bases = members.FindDocument(OciLayout.IndexName) is { } index ? OciLayout.AnnotationOf(index, DeltaBundle.Annotation) : null;
        foreach (ArchiveImage found in Find(members, platform, assembly))
        {
            ArchiveImage image = DeltaBundle.Complete(found, assembly, bases);
            ImageParts parts = new()
            {
                Config = image.Config,
                Manifest = IsMadeBySave(image) ? null : image.Manifest,
                LayerBlobs = image.Layers,
                References = image.Names,
                Parent = image.Parent,
            };
            loaded.Add(new LoadedImage(await assembly.CommitAsync(parts, cancellationToken), image.Names));
        }

        return loaded;
    }

    // An image that was never packed for a push, as a save here describes it, is what it was there: made, and not received.
    private static bool IsMadeBySave(ArchiveImage image)
    {
        if (image.Manifest is null)
        {
            return false;
        }

        IReadOnlyList<Descriptor> layers = ImagePlan.ReadManifest(image.Manifest).Layers;
        return layers.All(static layer => layer.MediaType == MediaTypes.OciLayer)
            && image.Manifest.AsSpan().SequenceEqual(ImagePlan.MakeManifest(image.Config, [.. layers.Select(static layer => new LayerBlob(layer.Digest, layer.Size, layer.MediaType))]));
    }

    private static IReadOnlyList<ArchiveImage> Find(ArchiveMembers members, Platform platform, ImageAssembly assembly)
    {
        if (members.FindDocument(DockerArchive.ManifestName) is { } manifest)
        {
            return DockerArchive.Find(members, manifest, members.FindDocument(OciLayout.IndexName) is { } both ? OciLayout.ManifestsByConfig(members, both) : ImmutableDictionary<Digest, byte[]>.Empty);
        }

        if (members.FindDocument(OciLayout.IndexName) is { } index)
        {
            return OciLayout.Find(members, index, platform);
        }

        return members.FindDocument(LegacyArchive.RepositoriesName) is { } repositories
            ? LegacyArchive.Find(members, repositories, assembly)
            : throw new EngineException(
                ErrorKind.InvalidArgument, "the archive holds no image: it has neither manifest.json nor index.json nor repositories; a root file system is imported instead");
    }
}
