using Berth.Model;
using Berth.Storage.Metadata;

namespace Berth.Storage.Images;

/// <summary>
/// Works one removal out, by docker's rules (moby, "image delete"), without doing it: what the table will be, what the journal gets, what the client is told.
/// Layers that go are retired on the way.
/// </summary>
/// <param name="table">The table before.</param>
/// <param name="uses">Tells which containers were made from an image.</param>
/// <param name="pins">Retires layers.</param>
internal sealed class ImageRemover(ImageTable table, Func<Digest, ImageUse> uses, StorePins pins)
{
    /// <summary>The table after.</summary>
    public ImageTable Next { get; private set; } = table;

    /// <summary>What the journal gets.</summary>
    public List<JournalChange> Changes { get; } = [];

    /// <summary>What happened, in order.</summary>
    public List<ImageRemoval> Steps { get; } = [];

    /// <summary>Layers that go; retired.</summary>
    public List<Digest> Retired { get; } = [];

    /// <summary>Images that go.</summary>
    public List<ImageRecord> Deleted { get; } = [];

    /// <summary>Takes one name away, or deletes the image with its last name or by its id.</summary>
    /// <exception cref="EngineException">NotFound; Conflict with docker's words.</exception>
    public void Remove(string nameOrId, bool force, bool prune)
    {
        ImageRecord image = Next.Resolve(nameOrId);
        if (ImageTable.IsIdPrefix(image.Id, nameOrId) && !IsNameOf(image, nameOrId))
        {
            if (ImageConflicts.HasSingleName(image))
            {
                ThrowIfAny(ImageConflicts.AgainstDeletion(image, uses(image.Id), HasChildren(image.Id), force, ignoreNames: true));
                Untag(image.References);
            }

            Delete(image.Id, force, prune, quiet: false);
            return;
        }

        ImageReference name = NameOf(image, nameOrId);
        if (!force)
        {
            ImageConflicts.RequireNameUnused(image, nameOrId, uses(image.Id));
        }

        Untag([name]);
        if (name.Digest.IsEmpty && !Next.Images[image.Id].References.Any(left => left.Digest.IsEmpty && left.Repository == name.Repository))
        {
            // With the last tag of a repository its digests go too.
            Untag([.. Next.Images[image.Id].References.Where(left => left.Repository == name.Repository)]);
        }

        if (Next.Images[image.Id].References.Count == 0)
        {
            Delete(image.Id, force, prune, quiet: true);
        }
    }

    private bool HasChildren(Digest id) => Next.Images.Values.Any(image => image.Parent == id);

    private static void ThrowIfAny(EngineException? conflict)
    {
        if (conflict is not null)
        {
            throw conflict;
        }
    }

    private void Untag(IReadOnlyList<ImageReference> names)
    {
        foreach (ImageReference name in names)
        {
            Next = Next.WithoutReference(name);
            Changes.Add(ImageJournal.Delete(name));
            Steps.Add(new ImageRemoval(name.Familiar, null));
        }
    }

    private void Delete(Digest id, bool force, bool prune, bool quiet)
    {
        while (true)
        {
            ImageRecord image = Next.Images[id];
            ImageUse use = uses(id);
            if (ImageConflicts.AgainstDeletion(image, use, HasChildren(id), force, ignoreNames: false) is { } conflict)
            {
                bool isDangling = image.References.Count == 0 && !HasChildren(id);
                if (quiet && (!isDangling || use.Running.Count + use.Stopped.Count > 0))
                {
                    return;
                }

                throw conflict;
            }

            Untag(image.References);
            Next = Next with { Images = Next.Images.Remove(id) };
            Changes.Add(ImageJournal.DeleteImage(id));
            Steps.Add(new ImageRemoval(null, id.ToString()));
            Deleted.Add(image);
            foreach (Digest chainId in Next.UnusedLayers(image.ChainIds).Where(pins.TryRetireLayer))
            {
                Retired.Add(chainId);
                Changes.Add(ImageJournal.DeleteLayer(chainId));
                Steps.Add(new ImageRemoval(null, chainId.ToString()));
            }

            Next = Next with { Layers = Next.Layers.RemoveRange(Retired) };
            if (!prune || image.Parent.IsEmpty || !Next.Images.ContainsKey(image.Parent))
            {
                return;
            }

            // An unnamed step that this one was made from goes too if nothing else needs it; never by force.
            (id, force, quiet) = (image.Parent, false, true);
            if (Next.Images[id].References.Count > 0)
            {
                return;
            }
        }
    }

    // A text such as "abc" may be both a name of the image and a prefix of its id; what led to it was the name.
    private static bool IsNameOf(ImageRecord image, string text) =>
        ImageReference.TryParse(text, out ImageReference reference, out _) && image.References.Contains(reference.WithDefaultTag());

    private static ImageReference NameOf(ImageRecord image, string text)
    {
        ImageReference asked = ImageReference.Parse(text).WithDefaultTag();
        return image.References.Contains(asked) ? asked : image.References.First(known => known.Digest == asked.Digest && known.Repository == asked.Repository);
    }
}
