using Berth.Model;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>One file that differs: between two images, or between a layer and what lies below it.</summary>
/// <param name="Kind">What happened to it.</param>
/// <param name="Path">Absolute; names that cannot be printed are escaped.</param>
/// <param name="Type">"file", "folder", "link", "device", "pipe" or "socket"; empty where it is not known.</param>
/// <param name="Size">Bytes of the file, or of the text of a link, as it is now; 0 for one that is gone.</param>
/// <param name="OldSize">The same of what was there before; 0 where there was nothing or it was not looked at.</param>
public sealed record ImageChange(ChangeKind Kind, string Path, string Type, long Size, long OldSize)
{
    /// <summary>The layer that made it so, counted from 1; of a deletion between two images, the one of the first image that had it. 0 where the driver does not keep layers apart.</summary>
    public int Layer { get; init; }

    /// <summary>How many further changes below this folder it stands for; 0 for itself alone.</summary>
    public int Below { get; init; }
}

/// <summary>What a number of changes come to.</summary>
/// <param name="Added">How many files and folders.</param>
/// <param name="Changed">How many.</param>
/// <param name="Removed">How many.</param>
/// <param name="AddedBytes">Bytes of files that came, and of what changed files have now.</param>
/// <param name="RemovedBytes">Bytes of files that went, and of what changed files had before.</param>
public sealed record ImageChangeTotals(int Added, int Changed, int Removed, long AddedBytes, long RemovedBytes)
{
    /// <summary>With one more.</summary>
    internal ImageChangeTotals With(ImageChange change) => change.Kind switch
    {
        ChangeKind.Added => this with { Added = Added + 1, AddedBytes = AddedBytes + change.Size },
        ChangeKind.Deleted => this with { Removed = Removed + 1, RemovedBytes = RemovedBytes + change.OldSize },
        _ => this with { Changed = Changed + 1, AddedBytes = AddedBytes + change.Size, RemovedBytes = RemovedBytes + change.OldSize },
    };

    /// <summary>None.</summary>
    public static ImageChangeTotals None { get; } = new(0, 0, 0, 0, 0);
}

/// <summary>One step of an image, in the order in which they were made.</summary>
/// <param name="Layer">Which layer it made, counted from 1; 0 for a step that made none.</param>
/// <param name="DiffId">Digest of the layer's archive; empty without layer.</param>
/// <param name="Blob">Digest of what is sent and received for it; empty without layer.</param>
/// <param name="Size">Bytes that the layer adds.</param>
/// <param name="CreatedBy">What made it, as the image says.</param>
/// <param name="Created">When, as the image says.</param>
public sealed record ImageStep(int Layer, Digest DiffId, Digest Blob, long Size, string CreatedBy, DateTimeOffset? Created);
