using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Images.Archives;

/// <summary>
/// Archives without the layers that other images have, which the receiver is to have: what those were is said in the index. docs/flows/storage.md has the format.
/// </summary>
internal static class DeltaBundle
{
    /// <summary>The index's annotation: a line for each base image, its names and its id, separated by spaces.</summary>
    public const string Annotation = "io.berth.delta.since";
    private const int MostShown = 8;

    /// <summary>The annotation's text.</summary>
    public static string Describe(IEnumerable<ImageRecord> bases) => string.Join('\n', bases.Select(static image => string.Join(' ', [.. image.References.Select(static name => name.ToString()), image.Id.ToString()])));

    /// <summary>Fills in the layers that the archive lacks from the store, where they are pinned.</summary>
    /// <param name="image">The image as it was found in the archive.</param>
    /// <param name="assembly">Where it is put together.</param>
    /// <param name="bases">The annotation; null when the archive has none.</param>
    /// <exception cref="EngineException">NotFound, naming the base images, when a layer is not in the store either.</exception>
    public static ArchiveImage Complete(ArchiveImage image, ImageAssembly assembly, string? bases)
    {
        if (image.Layers.All(static layer => !layer.IsEmpty))
        {
            return image;
        }

        IReadOnlyList<Digest> diffIds = ImagePlan.ReadConfig(image.Config).Rootfs.DiffIds;
        IReadOnlyList<Digest> chainIds = ImagePlan.ChainIdsOf(diffIds);
        IReadOnlyList<Descriptor>? named = image.Manifest is null ? null : ImagePlan.ReadManifest(image.Manifest).Layers;
        if (chainIds.Count != image.Layers.Count)
        {
            return image; // refused when it is put together
        }

        List<Digest> layers = [.. image.Layers];
        List<Digest> missing = [];
        bool fits = true;
        for (int i = 0; i < layers.Count; i++)
        {
            if (!layers[i].IsEmpty)
            {
                continue;
            }

            bool isUsed = assembly.TryUseLayer(chainIds[i]); // stays, with its blob, whatever is removed before the commit
            if (named is not null && assembly.TryUseBlob(named[i].Digest))
            {
                layers[i] = named[i].Digest;
            }
            else if (isUsed)
            {
                fits = false; // the same layer, packed otherwise: a manifest is made that names what is here
            }
            else
            {
                missing.Add(diffIds[i]);
            }
        }

        return missing.Count == 0 || bases is null
            ? image with { Layers = layers, Manifest = fits ? image.Manifest : null }
            : throw new EngineException(
                ErrorKind.NotFound,
                $"the archive is a delta, and {missing.Count} of the {layers.Count} layers of {NameOf(image)} are neither in it nor here; they are those of {Show(bases)}: load or pull that first, or save without --since (missing: {string.Join(", ", missing.Take(MostShown))})");
    }

    private static string NameOf(ArchiveImage image) => image.Names.Count > 0 ? image.Names[0].Familiar : "image " + Digest.Of(image.Config);

    // Out of an archive: only what is a name or a digest is said.
    private static string Show(string bases)
    {
        List<string> shown = [];
        foreach (string line in bases.Split('\n').Take(MostShown))
        {
            string[] parts = line.Split(' ');
            List<string> names = [.. parts[..^1].Take(MostShown).Where(static name => ImageReference.TryParse(name, out _, out _)).Select(static name => ImageReference.Parse(name).Familiar)];
            if (Digest.TryParse(parts[^1], out Digest id))
            {
                shown.Add(names.Count == 0 ? id.ToString() : $"{string.Join(", ", names)} ({id})");
            }
        }

        return shown.Count == 0 ? "an image that it does not name" : string.Join("; ", shown);
    }
}
