using System.Collections.Immutable;
using Berth.Model;

namespace Berth.Storage.Images;

/// <summary>All images, names and layers at one moment; swapped whole.</summary>
internal sealed record ImageTable(
    ImmutableDictionary<Digest, ImageRecord> Images,
    ImmutableDictionary<ImageReference, Digest> References,
    ImmutableDictionary<Digest, LayerEntry> Layers)
{
    /// <summary>Steps of builds whose layers are kept for the next ones, by their keys.</summary>
    public ImmutableDictionary<Digest, BuildStep> Steps { get; init; } = ImmutableDictionary<Digest, BuildStep>.Empty;

    private const string Algorithm = "sha256:";

    /// <summary>A table without anything.</summary>
    public static ImageTable Empty { get; } = new(
        ImmutableDictionary<Digest, ImageRecord>.Empty, ImmutableDictionary<ImageReference, Digest>.Empty, ImmutableDictionary<Digest, LayerEntry>.Empty);

    /// <summary>Whether <paramref name="text"/> is (a prefix of) the id, with or without its algorithm.</summary>
    public static bool IsIdPrefix(Digest id, string text) =>
        id.ToString().StartsWith(text, StringComparison.Ordinal) || id.Hex.StartsWith(text, StringComparison.Ordinal);

    /// <summary>Finds by name first, then by id or a prefix of it, as docker does.</summary>
    /// <exception cref="EngineException">NotFound; InvalidArgument for a malformed name or a prefix of several ids.</exception>
    public ImageRecord Resolve(string nameOrId)
    {
        if (nameOrId.Length == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "image name cannot be blank");
        }

        string bare = nameOrId.StartsWith(Algorithm, StringComparison.Ordinal) ? nameOrId[Algorithm.Length..] : nameOrId;
        if (Digest.TryParse(Algorithm + bare, out Digest id))
        {
            return Images.GetValueOrDefault(id) ?? throw NotFound(nameOrId);
        }

        ImageReference reference = ImageReference.Parse(nameOrId).WithDefaultTag();
        if (Find(reference) is { } named)
        {
            return named;
        }

        List<ImageRecord> matches = bare.All(char.IsAsciiHexDigitLower) && bare.Length > 0
            ? [.. Images.Values.Where(image => image.Id.Hex.StartsWith(bare, StringComparison.Ordinal)).Take(2)]
            : [];
        return matches.Count switch
        {
            0 => throw NotFound(reference.Familiar),
            1 => matches[0],
            _ => throw new EngineException(ErrorKind.InvalidArgument, $"\"{nameOrId}\" is the beginning of several image ids; give more digits"),
        };
    }

    /// <summary>The image under a name; a digest counts before a tag.</summary>
    public ImageRecord? Find(ImageReference reference)
    {
        if (References.TryGetValue(reference, out Digest id))
        {
            return Images[id];
        }

        if (!reference.Digest.IsEmpty)
        {
            foreach ((ImageReference known, Digest target) in References)
            {
                if (known.Digest == reference.Digest && known.Repository == reference.Repository)
                {
                    return Images[target];
                }
            }
        }

        return null;
    }

    /// <summary>The table with <paramref name="image"/> added or replaced.</summary>
    public ImageTable With(ImageRecord image) => this with { Images = Images.SetItem(image.Id, image) };

    /// <summary>The table in which <paramref name="reference"/> leads to <paramref name="id"/> and to nothing else.</summary>
    public ImageTable WithReference(ImageReference reference, Digest id, DateTimeOffset? taggedAt)
    {
        ImageTable table = WithoutReference(reference);
        ImageRecord image = table.Images[id];
        return table with
        {
            References = table.References.SetItem(reference, id),
            Images = table.Images.SetItem(id, image with { References = Sort([.. image.References, reference]), LastTagged = taggedAt ?? image.LastTagged }),
        };
    }

    /// <summary>The table without the name; its image stays.</summary>
    public ImageTable WithoutReference(ImageReference reference)
    {
        if (!References.TryGetValue(reference, out Digest id))
        {
            return this;
        }

        ImageRecord image = Images[id];
        return this with
        {
            References = References.Remove(reference),
            Images = Images.SetItem(id, image with { References = [.. image.References.Where(other => other != reference)] }),
        };
    }

    /// <summary>Layers that no image and no build step has, uppermost first.</summary>
    public IReadOnlyList<Digest> UnusedLayers(IReadOnlyList<Digest> candidates)
    {
        HashSet<Digest> used = [.. Images.Values.SelectMany(static image => image.ChainIds), .. Steps.Values.SelectMany(static step => step.ChainIds)];
        return [.. candidates.Reverse().Where(chainId => Layers.ContainsKey(chainId) && !used.Contains(chainId))];
    }

    /// <summary>The table without images that went as parents; a parent that is not there is none.</summary>
    public ImageTable WithoutLostParents()
    {
        ImageTable next = this;
        foreach (ImageRecord image in Images.Values)
        {
            if (!image.Parent.IsEmpty && !Images.ContainsKey(image.Parent))
            {
                next = next.With(image with { Parent = default });
            }
        }

        return next;
    }

    private static EngineException NotFound(string name) => new(ErrorKind.NotFound, $"No such image: {name}");

    private static IReadOnlyList<ImageReference> Sort(IEnumerable<ImageReference> references) =>
        [.. references.OrderBy(static reference => reference.ToString(), StringComparer.Ordinal)];
}
