using System.Text.Json.Serialization;
using Berth.Model;

namespace Berth.Storage.Images;

/// <summary>A build step that was done, kept for builds that would do the same; an immutable snapshot. Its layers stay as long as it does.</summary>
public sealed record BuildStep
{
    /// <summary>Digest of all that decides about its result.</summary>
    public required Digest Key { get; init; }

    /// <summary>Chain ids of the layers after it, lowest first; empty for a step that only changes the image's configuration.</summary>
    public IReadOnlyList<Digest> ChainIds { get; init; } = [];

    /// <summary>A blob of each.</summary>
    public IReadOnlyList<Digest> LayerBlobs { get; init; } = [];

    /// <summary>Diff id of the layer that it added, which is the last; null when it added none.</summary>
    public Digest? DiffId { get; init; }

    /// <summary>Bytes that the layer adds.</summary>
    public long Size { get; init; }

    /// <summary>When it was done.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>When a build last took it from here; lost in part when the daemon is killed.</summary>
    public DateTimeOffset LastUsed { get; init; }

    /// <summary>How often.</summary>
    public int Uses { get; init; }

    /// <summary>What it did, for people.</summary>
    public string Description { get; init; } = "";

    /// <summary>Docker's word for the kind: <c>regular</c> for steps.</summary>
    public string Kind { get; init; } = "regular";

    /// <summary>Whether it added a layer.</summary>
    [JsonIgnore]
    public bool HasLayer => DiffId is not null;

    internal Digest? BlobOf(Digest chainId)
    {
        for (int i = ChainIds.Count - 1; i >= 0; i--)
        {
            if (ChainIds[i] == chainId)
            {
                return LayerBlobs[i];
            }
        }

        return null;
    }
}
