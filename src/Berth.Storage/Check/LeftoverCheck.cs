using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Storage.Check;

/// <summary>What lies in the data root and nothing needs.</summary>
internal sealed class LeftoverCheck(CheckRun run)
{
    // Operations let go of their pins a moment before what they had pinned goes, and containers are made a moment before they are recorded.
    private static readonly TimeSpan SecondLook = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan YoungestOrphan = TimeSpan.FromHours(1);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        List<Leftover> first = Find();
        if (first.Count > 0)
        {
            await Task.Delay(SecondLook, cancellationToken);
            HashSet<string> again = [.. Find().Select(static leftover => leftover.Path)];
            first.RemoveAll(leftover => !again.Contains(leftover.Path));
        }

        for (int i = 0; i < first.Count; i++)
        {
            await TellAsync(first[i], cancellationToken);
            run.Report("leftovers", i + 1, first.Count);
        }
    }

    private List<Leftover> Find()
    {
        List<Leftover> found = [];
        HashSet<Digest> needed = ImageStore.NeededBlobs(run.Images.View);
        foreach (string path in Directory.EnumerateFileSystemEntries(run.Root.PathOf("content/blobs/sha256")))
        {
            string name = Path.GetFileName(path);
            bool isDigest = Digest.TryParse("sha256:" + name, out Digest blob);
            if (!isDigest || (!needed.Contains(blob) && !run.Images.Pins.IsPinnedBlob(blob)))
            {
                found.Add(new Leftover(FindingKind.OrphanBlob, "content/blobs/sha256/" + name, isDigest ? "no image needs the blob" : "it is no blob: its name is no digest", ct => isDigest ? run.Images.TryDeleteUnneededAsync(blob, ct) : Task.FromResult(Delete(path))));
            }
        }

        foreach (Digest chainId in run.Snapshotter.ListLayers().Where(chainId => !run.Images.View.Layers.ContainsKey(chainId) && !run.Images.Pins.IsPinnedLayer(chainId)))
        {
            found.Add(new Leftover(FindingKind.OrphanLayer, "snapshots/layers/" + chainId.Hex, "the unpacked layer has no record", ct => run.Images.TryDeleteUnrecordedAsync(chainId, ct)));
        }

        foreach (string path in run.Snapshotter.ListUnknown())
        {
            bool isLayer = path.StartsWith("snapshots/layers/", StringComparison.Ordinal);
            found.Add(new Leftover(isLayer ? FindingKind.OrphanLayer : FindingKind.OrphanContainer, path, "nothing knows of it", _ => Task.FromResult(run.Snapshotter.TakeUnknown(path))));
        }

        FindContainers(found);
        FindFiles(found, "content/partial", FindingKind.PartialDownload, $"the download was not gone on with for more than {PartialDownloads.LongestWait.Days} days", (name, age) => !run.Content.IsResumed(name) && (age > PartialDownloads.LongestWait || !Digest.TryParse("sha256:" + name, out _)), (name, _) => run.Content.TryDeletePartial(name));
        FindFiles(found, "content/damaged", FindingKind.DamagedCopy, "no image needs the blob of which it is a damaged copy", (name, _) => !Digest.TryParse("sha256:" + name, out Digest blob) || !needed.Contains(blob), (_, path) => Delete(path));
        return found;
    }

    private void FindContainers(List<Leftover> found)
    {
        HashSet<ContainerId> known = [.. run.Users.List().Select(static container => container.Id)];
        foreach (ContainerId id in run.Snapshotter.ListContainers().Where(id => !known.Contains(id)))
        {
            string path = "snapshots/containers/" + id;
            if (DateTime.UtcNow - Directory.GetCreationTimeUtc(run.Root.PathOf(path)) > YoungestOrphan)
            {
                found.Add(new Leftover(FindingKind.OrphanContainer, path, "the writable layer belongs to no container", _ =>
                {
                    run.Snapshotter.Remove(id);
                    return Task.FromResult(true);
                }));
            }
        }
    }

    private void FindFiles(List<Leftover> found, string folder, string kind, string text, Func<string, TimeSpan, bool> isLeft, Func<string, string, bool> delete)
    {
        if (!Directory.Exists(run.Root.PathOf(folder)))
        {
            return;
        }

        foreach (string path in Directory.EnumerateFiles(run.Root.PathOf(folder)))
        {
            string name = Path.GetFileName(path);
            if (isLeft(name, DateTime.UtcNow - File.GetLastWriteTimeUtc(path)))
            {
                found.Add(new Leftover(kind, folder + "/" + name, text, _ => Task.FromResult(delete(name, path))));
            }
        }
    }

    private static bool Delete(string path)
    {
        using Berth.Linux.FileDescriptor folder = Paths.OpenFolder(Path.GetDirectoryName(path)!); // a full path of the data root
        FolderTree.Delete(folder, System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(path)));
        return true;
    }

    private async Task TellAsync(Leftover leftover, CancellationToken cancellationToken)
    {
        long bytes = 0;
        try
        {
            bytes = Usage.AllocatedSize.Of(run.Root.PathOf(leftover.Path), cancellationToken);
            bool isGone = run.Options.Repair && await leftover.RemoveAsync(cancellationToken);
            if (isGone || !run.Options.Repair)
            {
                run.Tell(new StorageFinding(leftover.Kind, isGone ? FindingState.Removed : FindingState.Leftover, leftover.Path, leftover.Text) { Bytes = bytes, Advice = isGone ? "" : "--repair removes it" });
            }
        }
        catch (Exception e) when (e is EngineException or IOException or UnauthorizedAccessException)
        {
            run.Tell(new StorageFinding(leftover.Kind, FindingState.Leftover, leftover.Path, $"{leftover.Text}; it cannot be removed: {e.Message}") { Bytes = bytes });
        }
    }

    private sealed record Leftover(string Kind, string Path, string Text, Func<CancellationToken, Task<bool>> RemoveAsync);
}
