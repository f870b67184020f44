using Berth.Model;
using Berth.Storage.Content;
using Berth.Storage.Images;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Check;

/// <summary>One run of a check: what it works on, and what it has found so far.</summary>
internal sealed class CheckRun(
    StorageRoot root, ContentStore content, FolderSnapshotter snapshotter, ImageStore images, ILayerUsers users, StorageCheckOptions options,
    Action<StorageFinding> found, Action<StorageCheckProgress> progress)
{
    public StorageRoot Root => root;

    public ContentStore Content => content;

    public FolderSnapshotter Snapshotter => snapshotter;

    public ImageStore Images => images;

    public ILayerUsers Users => users;

    public StorageCheckOptions Options => options;

    /// <summary>What was recorded when it began.</summary>
    public ImageTable Table { get; set; } = ImageTable.Empty;

    public IReadOnlyList<CheckedContainer> Containers { get; set; } = [];

    public StorageCheckSummary Summary { get; set; } = new();

    public void Report(string stage, int done, int total) => progress(new StorageCheckProgress(stage, done, total));

    public void Tell(StorageFinding finding)
    {
        Summary = finding.State switch
        {
            FindingState.Broken => Summary with { Broken = Summary.Broken + 1 },
            FindingState.Repaired => Summary with { Repaired = Summary.Repaired + 1 },
            FindingState.Leftover => Summary with { Leftovers = Summary.Leftovers + 1, LeftoverBytes = Summary.LeftoverBytes + finding.Bytes },
            _ => Summary with { Removed = Summary.Removed + 1, RemovedBytes = Summary.RemovedBytes + finding.Bytes },
        };
        found(finding);
    }

    /// <summary>How people know the image.</summary>
    public static string NameOf(ImageRecord image) => image.References.Count > 0 ? image.References[0].Familiar : image.Id.ToString();

    /// <summary>Names of the images that need the blob.</summary>
    public IReadOnlyList<string> ImagesWithBlob(Digest blob) =>
        [.. Table.Images.Values.Where(image => image.Blobs.Contains(blob)).Select(NameOf).Order(StringComparer.Ordinal)];

    /// <summary>Names of the images that have the layer.</summary>
    public IReadOnlyList<string> ImagesWithLayer(Digest chainId) => [.. Table.Images.Values.Where(image => image.ChainIds.Contains(chainId)).Select(NameOf).Order(StringComparer.Ordinal)];

    /// <summary>Names of the containers that stand on the layer.</summary>
    public IReadOnlyList<string> ContainersOn(Digest chainId) => [.. Containers.Where(container => container.ChainIds.Contains(chainId)).Select(static container => container.Name).Order(StringComparer.Ordinal)];
}
