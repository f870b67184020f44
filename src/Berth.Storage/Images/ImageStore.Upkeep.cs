using Berth.Model;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Images;

/// <content>What checks of the storage need.</content>
public sealed partial class ImageStore
{
    /// <summary>Everything that is recorded, at this moment.</summary>
    internal ImageTable View => Table;

    /// <summary>What archives may ask for.</summary>
    internal TarLimits Limits => limits;

    /// <summary>Blobs that images and build steps need.</summary>
    internal static HashSet<Digest> NeededBlobs(ImageTable at) =>
        [.. at.Images.Values.SelectMany(static image => image.Blobs), .. at.Steps.Values.SelectMany(static step => step.LayerBlobs)];

    /// <summary>Deletes a blob that no image needs and no operation has pinned.</summary>
    /// <returns>Whether it is gone.</returns>
    internal async Task<bool> TryDeleteUnneededAsync(Digest blob, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        if (NeedsBlob(Table, blob))
        {
            return false;
        }

        Pins.DeleteBlob(blob);
        return !content.Exists(blob);
    }

    /// <summary>Deletes a layer that is not recorded, that nothing stands on and no operation has pinned.</summary>
    /// <returns>Whether it goes.</returns>
    internal async Task<bool> TryDeleteUnrecordedAsync(Digest chainId, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        if (Table.Layers.ContainsKey(chainId) || !Pins.TryRetireLayer(chainId))
        {
            return false;
        }

        snapshotter.DeleteLayer(chainId);
        return true;
    }
}
