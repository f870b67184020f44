using Berth.Model;
using Berth.Storage.Content;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>
/// Layers and blobs that operations in progress need, counted; nothing pinned is ever deleted. In memory only: what an operation that a crash ended
/// had pinned is without record and goes at the next start. Safe for concurrent use.
/// </summary>
internal sealed class StorePins(ContentStore content, ISnapshotter snapshotter)
{
    private readonly Lock gate = new();
    private readonly Dictionary<Digest, int> layers = [];
    private readonly Dictionary<Digest, int> blobs = [];

    /// <summary>Pins the layer; false when it is not there.</summary>
    public bool TryPinLayer(Digest chainId)
    {
        lock (gate)
        {
            if (!snapshotter.HasLayer(chainId))
            {
                return false;
            }

            layers[chainId] = layers.GetValueOrDefault(chainId) + 1;
            return true;
        }
    }

    /// <summary>Pins the blob, whether it is there or about to be.</summary>
    public void PinBlob(Digest blob)
    {
        lock (gate)
        {
            blobs[blob] = blobs.GetValueOrDefault(blob) + 1;
        }
    }

    /// <summary>Whether an operation has the blob pinned at this moment.</summary>
    public bool IsPinnedBlob(Digest blob)
    {
        lock (gate)
        {
            return blobs.ContainsKey(blob);
        }
    }

    /// <summary>Whether an operation has the layer pinned at this moment.</summary>
    public bool IsPinnedLayer(Digest chainId)
    {
        lock (gate)
        {
            return layers.ContainsKey(chainId);
        }
    }

    /// <summary>Takes back one pin of each.</summary>
    public void Unpin(IEnumerable<Digest> chainIds, IEnumerable<Digest> blobDigests)
    {
        lock (gate)
        {
            foreach (Digest chainId in chainIds)
            {
                Release(layers, chainId);
            }

            foreach (Digest blob in blobDigests)
            {
                Release(blobs, blob);
            }
        }
    }

    /// <summary>As <see cref="ISnapshotter.TryRetireLayer"/>; false also for a pinned layer.</summary>
    public bool TryRetireLayer(Digest chainId)
    {
        lock (gate)
        {
            return !layers.ContainsKey(chainId) && snapshotter.TryRetireLayer(chainId);
        }
    }

    /// <summary>Deletes the blob unless it is pinned.</summary>
    public void DeleteBlob(Digest blob)
    {
        lock (gate)
        {
            if (!blobs.ContainsKey(blob))
            {
                content.Delete(blob);
            }
        }
    }

    private static void Release(Dictionary<Digest, int> counts, Digest digest)
    {
        if (--counts[digest] == 0)
        {
            counts.Remove(digest);
        }
    }
}
