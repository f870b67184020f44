using Berth.Model;

namespace Berth.Storage.Check;

/// <summary>What became of something that a check found.</summary>
public enum FindingState
{
    /// <summary>It is broken and stays so: what is to be done is in the advice.</summary>
    Broken,

    /// <summary>It was broken, and is whole again.</summary>
    Repaired,

    /// <summary>Nothing needs it: it takes space and does no harm.</summary>
    Leftover,

    /// <summary>Nothing needed it, and it is gone.</summary>
    Removed,
}

/// <summary>The kinds of findings, as they are told to clients.</summary>
public static class FindingKind
{
    public const string Record = "record";
    public const string Reference = "reference";
    public const string MissingBlob = "missing-blob";
    public const string DamagedBlob = "damaged-blob";
    public const string Document = "document";
    public const string MissingLayer = "missing-layer";
    public const string DamagedLayer = "damaged-layer";
    public const string LayerParent = "layer-parent";
    public const string Container = "container-layer";
    public const string OrphanBlob = "orphan-blob";
    public const string OrphanLayer = "orphan-layer";
    public const string OrphanContainer = "orphan-container";
    public const string PartialDownload = "partial-download";
    public const string DamagedCopy = "damaged-copy";
}

/// <summary>One thing that is not as it should be.</summary>
/// <param name="Kind">One of <see cref="FindingKind"/>.</param>
/// <param name="State">What became of it.</param>
/// <param name="Subject">Which: a digest, a container's id, a path below the data root.</param>
/// <param name="Text">What is wrong with it, got and wanted.</param>
public sealed record StorageFinding(string Kind, FindingState State, string Subject, string Text)
{
    /// <summary>What to do; empty when there is nothing to do.</summary>
    public string Advice { get; init; } = "";

    /// <summary>Names, or ids without names, of the images that it concerns.</summary>
    public IReadOnlyList<string> Images { get; init; } = [];

    /// <summary>Names of the containers that it concerns.</summary>
    public IReadOnlyList<string> Containers { get; init; } = [];

    /// <summary>Bytes on the disk of what nothing needs; 0 otherwise.</summary>
    public long Bytes { get; init; }
}

/// <summary>What a check is to do.</summary>
/// <param name="Repair">Whether what can be put right is, and what nothing needs is removed.</param>
/// <param name="Quick">Whether only existence, sizes and documents are looked at, not the content of layers.</param>
public sealed record StorageCheckOptions(bool Repair, bool Quick);

/// <summary>How far a check is.</summary>
/// <param name="Stage">What is being looked at: "records", "blobs", "layers", "containers", "leftovers".</param>
/// <param name="Done">How many of them.</param>
/// <param name="Total">Of how many.</param>
public sealed record StorageCheckProgress(string Stage, int Done, int Total);

/// <summary>What a check did.</summary>
public sealed record StorageCheckSummary
{
    /// <summary>Images, blobs, layers and containers that were looked at.</summary>
    public int Images { get; init; }

    public int Blobs { get; init; }

    public int Layers { get; init; }

    public int Containers { get; init; }

    /// <summary>Layers of which no blob is left, as only containers stand on them: their content could not be compared with anything.</summary>
    public int UnprovenLayers { get; init; }

    /// <summary>Bytes of blobs that were read.</summary>
    public long BytesRead { get; init; }

    /// <summary>Findings by what became of them.</summary>
    public int Broken { get; init; }

    public int Repaired { get; init; }

    public int Leftovers { get; init; }

    public int Removed { get; init; }

    /// <summary>Bytes of leftovers, and of what was removed.</summary>
    public long LeftoverBytes { get; init; }

    public long RemovedBytes { get; init; }
}

/// <summary>A container as a check needs to know it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="ImageId">What it was made from.</param>
/// <param name="ChainIds">The layers that it stands on, lowest first.</param>
public sealed record CheckedContainer(ContainerId Id, string Name, Digest ImageId, IReadOnlyList<Digest> ChainIds);

/// <summary>Who uses layers besides images.</summary>
public interface ILayerUsers
{
    /// <summary>Every container that is recorded.</summary>
    IReadOnlyList<CheckedContainer> List();

    /// <summary>
    /// Keeps all containers on the layer from being started until the result is disposed; null when one of them runs. Containers that are made after the call
    /// are refused by the snapshotter.
    /// </summary>
    Task<IDisposable?> TryHoldAsync(Digest chainId, CancellationToken cancellationToken);
}
