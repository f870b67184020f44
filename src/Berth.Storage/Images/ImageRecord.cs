using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Images;

/// <summary>One image as the store knows it; an immutable snapshot.</summary>
public sealed record ImageRecord
{
    /// <summary>The image's id: digest of its configuration document.</summary>
    public required Digest Id { get; init; }

    /// <summary>Digest of its manifest.</summary>
    public required Digest Manifest { get; init; }

    /// <summary>The configuration document, parsed.</summary>
    public required ImageConfig Config { get; init; }

    /// <summary>The names that lead to it, sorted; empty for a dangling image.</summary>
    public required IReadOnlyList<ImageReference> References { get; init; }

    /// <summary>Bytes of its unpacked layers: regular files, hard links once, and texts of symbolic links, summed over the layers.</summary>
    public required long Size { get; init; }

    /// <summary>Chain ids of its layers, lowest first; what a snapshotter takes.</summary>
    public required IReadOnlyList<Digest> ChainIds { get; init; }

    /// <summary>When a name last came to it; null when none ever did.</summary>
    public DateTimeOffset? LastTagged { get; init; }

    /// <summary>The image that it was made from on this host; the empty digest when there is none, or none any more.</summary>
    public Digest Parent { get; init; }

    /// <summary>Blobs that its manifest names as layers, lowest first.</summary>
    public IReadOnlyList<Digest> LayerBlobs { get; init; } = [];

    /// <summary>Whether the manifest came with the image; otherwise it was made here.</summary>
    public bool ManifestIsReceived { get; init; }

    /// <summary>Digest of the index through which the image was chosen when it last came, kept as received; the empty digest when there was none.</summary>
    public Digest Index { get; init; }

    /// <summary>
    /// Whether the configuration document is lost or damaged, as was found when the store was opened: <see cref="Config"/> then says which layers there are, and nothing else. It ends when
    /// the image comes again.
    /// </summary>
    public bool IsConfigLost { get; init; }

    /// <summary>Everything of it that is in the content store.</summary>
    public IEnumerable<Digest> Blobs => Index.IsEmpty ? LayerBlobs.Append(Id).Append(Manifest) : LayerBlobs.Append(Id).Append(Manifest).Append(Index);
}

/// <summary>One step of how an image came to be, as docker's history shows it.</summary>
/// <param name="Id">The image after this step, where it is known; null when it is "missing".</param>
/// <param name="Step">What the configuration says.</param>
/// <param name="Size">Bytes that the step's layer added; 0 when it has none.</param>
/// <param name="Tags">Names of the image after this step, in familiar form.</param>
public sealed record ImageHistoryStep(Digest? Id, ImageHistory Step, long Size, IReadOnlyList<string> Tags);

/// <summary>An unpacked layer.</summary>
/// <param name="ChainId">Its name.</param>
/// <param name="DiffId">Digest of its uncompressed archive.</param>
/// <param name="Size">Bytes that it adds: regular files, hard links once, and texts of symbolic links.</param>
/// <param name="Images">How many images have it; 0 when only containers stand on it.</param>
public sealed record LayerInfo(Digest ChainId, Digest DiffId, long Size, int Images);

/// <summary>An image's manifest and what it names, as they lie in the store.</summary>
/// <param name="Manifest">The manifest itself; of 0 bytes when it is not here.</param>
/// <param name="Bytes">Sizes of the manifest, the configuration and the layers that are here, as they came in.</param>
/// <param name="IsComplete">Whether all of them are.</param>
public sealed record ManifestContent(Descriptor Manifest, long Bytes, bool IsComplete);

/// <summary>An image that was loaded from an archive, and the names that the archive gave it.</summary>
public sealed record LoadedImage(ImageRecord Image, IReadOnlyList<ImageReference> Names);

/// <summary>How much of a layer has been read from an archive.</summary>
/// <param name="Name">Twelve digits that tell it from others of the archive.</param>
/// <param name="Done">Bytes read.</param>
/// <param name="Total">Bytes that it has.</param>
public sealed record LayerProgress(string Name, long Done, long Total);

/// <summary>How much of a layer has been packed.</summary>
/// <param name="DiffId">The layer.</param>
/// <param name="Done">Bytes of its archive.</param>
/// <param name="Total">Bytes that the archive has.</param>
public sealed record PackProgress(Digest DiffId, long Done, long Total);

/// <summary>What a pruning did.</summary>
/// <param name="Removals">As of a removal, one after the other.</param>
/// <param name="ReclaimedBytes">Sizes of the layers that went.</param>
public sealed record ImagePruning(IReadOnlyList<ImageRemoval> Removals, long ReclaimedBytes);

/// <summary>What an imported root file system gets besides its content.</summary>
/// <param name="RunConfig">Defaults for containers; null for none.</param>
/// <param name="Message">The comment of the image and its history.</param>
/// <param name="Platform">What the content is for; null for the host's.</param>
/// <param name="Reference">The name; without tag it is <c>latest</c>; null leaves the image without name.</param>
public sealed record ImportOptions(ImageRunConfig? RunConfig, string? Message, Platform? Platform, ImageReference? Reference);

/// <summary>The containers that were made from an image.</summary>
public sealed record ImageUse(IReadOnlyList<ContainerId> Running, IReadOnlyList<ContainerId> Stopped)
{
    /// <summary>No container.</summary>
    public static ImageUse None { get; } = new([], []);
}

/// <summary>One thing that a removal did, as docker's API lists it: a name (familiar form) or an id (image, then chain ids of layers). Exactly one is set.</summary>
public sealed record ImageRemoval(string? Untagged, string? Deleted);
