using Berth.Api;
using Berth.Storage.Check;
using Berth.Storage.Usage;

namespace Berth.Daemon.Mapping;

/// <summary>What is told of the storage as a whole.</summary>
internal static class StorageMapping
{
    public static StorageUsageAnswer ToAnswer(StorageUsage usage, string dataRoot) => new()
    {
        Total = usage.Total,
        Blobs = usage.Blobs,
        Layers = usage.Layers,
        Containers = usage.Containers,
        Logs = usage.Logs,
        ContainerFiles = usage.ContainerFiles,
        Metadata = usage.Metadata,
        Unfinished = usage.Unfinished,
        Trash = usage.Trash,
        Damaged = usage.Damaged,
        DataRoot = dataRoot,
    };

    public static StorageFindingAnswer ToAnswer(StorageFinding finding) => new()
    {
        Kind = finding.Kind,
        State = finding.State switch
        {
            FindingState.Broken => "broken",
            FindingState.Repaired => "repaired",
            FindingState.Leftover => "leftover",
            _ => "removed",
        },
        Subject = finding.Subject,
        Text = finding.Text,
        Advice = finding.Advice,
        Images = finding.Images,
        Containers = finding.Containers,
        Bytes = finding.Bytes,
    };

    public static StorageSummaryAnswer ToAnswer(StorageCheckSummary summary) => new()
    {
        Images = summary.Images,
        Blobs = summary.Blobs,
        Layers = summary.Layers,
        Containers = summary.Containers,
        UnprovenLayers = summary.UnprovenLayers,
        BytesRead = summary.BytesRead,
        Broken = summary.Broken,
        Repaired = summary.Repaired,
        Leftovers = summary.Leftovers,
        Removed = summary.Removed,
        LeftoverBytes = summary.LeftoverBytes,
        RemovedBytes = summary.RemovedBytes,
    };
}
