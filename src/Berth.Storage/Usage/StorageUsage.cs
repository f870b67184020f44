namespace Berth.Storage.Usage;

/// <summary>What the data root's parts occupy on the disk, in bytes of allocated blocks, hard links once: together what <c>du -s --block-size=1</c> says of it.</summary>
public sealed record StorageUsage
{
    /// <summary>Layers, configurations and manifests as they came.</summary>
    public long Blobs { get; init; }

    /// <summary>Unpacked layers.</summary>
    public long Layers { get; init; }

    /// <summary>What containers have written, and what overlay keeps beside it.</summary>
    public long Containers { get; init; }

    /// <summary>Containers' logs.</summary>
    public long Logs { get; init; }

    /// <summary>What else containers have: exit statuses, names, health.</summary>
    public long ContainerFiles { get; init; }

    /// <summary>Records, events, and the data root's own files.</summary>
    public long Metadata { get; init; }

    /// <summary>Blobs and layers that are arriving, and downloads that were not finished.</summary>
    public long Unfinished { get; init; }

    /// <summary>What is being deleted.</summary>
    public long Trash { get; init; }

    /// <summary>Damaged blobs that a check put aside.</summary>
    public long Damaged { get; init; }

    /// <summary>All of them.</summary>
    public long Total => Blobs + Layers + Containers + Logs + ContainerFiles + Metadata + Unfinished + Trash + Damaged;
}
