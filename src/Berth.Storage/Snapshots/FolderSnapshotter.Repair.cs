using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Snapshots;

/// <content>What a check of the storage looks at, and how it puts right what is broken.</content>
public abstract partial class FolderSnapshotter
{
    /// <summary>The names in the folders of layers and containers that this object knows nothing of: put there by hand, or by nobody knows whom.</summary>
    /// <returns>Paths below the data root.</returns>
    internal IReadOnlyList<string> ListUnknown()
    {
        // What is known is asked for after what is there: a layer that comes meanwhile is known.
        string[] present = [.. Directory.EnumerateFileSystemEntries(Root.PathOf("snapshots/layers"))];
        string[] kept = [.. Directory.EnumerateFileSystemEntries(Root.PathOf("snapshots/containers"))];
        lock (gate)
        {
            return
            [
                .. present.Select(Path.GetFileName).Where(name => !Digest.TryParse("sha256:" + name, out Digest chainId) || !layers.ContainsKey(chainId)).Select(static name => "snapshots/layers/" + name),
                .. kept.Select(Path.GetFileName).Where(name => !ContainerId.TryParse(name!, out ContainerId id) || !containers.ContainsKey(id)).Select(static name => "snapshots/containers/" + name),
            ];
        }
    }

    /// <summary>Deletes one of <see cref="ListUnknown"/>, unless it is known by now.</summary>
    /// <returns>Whether it goes.</returns>
    internal bool TakeUnknown(string path)
    {
        lock (gate)
        {
            string name = Path.GetFileName(path);
            bool isLayer = path.StartsWith("snapshots/layers/", StringComparison.Ordinal);
            bool isKnown = isLayer
                ? Digest.TryParse("sha256:" + name, out Digest chainId) && layers.ContainsKey(chainId)
                : ContainerId.TryParse(name, out ContainerId id) && containers.ContainsKey(id);
            if (!isKnown)
            {
                Guard(() => trash.Take(isLayer ? layersFolder : containersFolder, Encoding.UTF8.GetBytes(name)), $"{path} cannot be deleted");
            }

            return !isKnown;
        }
    }

    /// <summary>The folder of a layer's content, open for reading; null when it is not there.</summary>
    internal FileDescriptor? TryOpenContent(Digest chainId) => TryOpen(layersFolder, [.. Name(chainId), .. "/fs"u8]);

    /// <summary>The folder of a draft's content.</summary>
    internal FileDescriptor OpenContent(ILayerDraft draft) => Paths.Open(ingestFolder, [.. ((Draft)draft).Name, .. "/fs"u8], FolderFlags);

    /// <summary>The text of a layer's link to the layer below; null when there is none.</summary>
    internal string? ReadParentText(Digest chainId) => TryReadLink(layersFolder, [.. Name(chainId), .. "/parent"u8]);

    /// <summary>The text of a container's link to the topmost layer; null when there is none.</summary>
    internal string? ReadParentText(ContainerId id) => TryReadLink(containersFolder, Encoding.ASCII.GetBytes(id + "/parent"));

    /// <summary>Whether the container's folders are there.</summary>
    internal bool HasContainerFolders(ContainerId id) => IsContainer(Root.PathOf("snapshots/containers", id.ToString()));

    /// <summary>Writes a layer's link to the layer below anew, at once.</summary>
    internal void SetParent(Digest chainId, Digest parent)
    {
        lock (gate)
        {
            SetLink(layersFolder, Name(chainId), parent);
            if (layers.ContainsKey(chainId))
            {
                layers[chainId] = parent;
            }
        }
    }

    /// <summary>Writes a container's link to its topmost layer anew, at once.</summary>
    internal void SetParent(ContainerId id, Digest top)
    {
        lock (gate)
        {
            SetLink(containersFolder, Encoding.ASCII.GetBytes(id.ToString()), top);
            if (containers.ContainsKey(id))
            {
                containers[id] = top;
            }
        }
    }

    /// <summary>From now on until <see cref="EndReplacement"/>, nothing is mounted on the layer.</summary>
    internal void BeginReplacement(Digest chainId)
    {
        lock (gate)
        {
            replaced.Add(chainId);
        }
    }

    /// <summary>Ends it.</summary>
    internal void EndReplacement(Digest chainId)
    {
        lock (gate)
        {
            replaced.Remove(chainId);
        }
    }

    /// <summary>
    /// Puts a draft's content in the place of a layer's, which nothing may have mounted: in one step, whenever a crash comes, and on the disk before. The draft has the old content
    /// then, for its disposal; a layer whose folder was lost is made anew.
    /// </summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    internal void Replace(Digest chainId, Digest parent, ILayerDraft draft) => Guard(
        () =>
        {
            byte[] staged = ((Draft)draft).Name;
            Root.SyncFileSystem();
            FailPoint.Reach(FailPoints.RepairStaged);
            lock (gate)
            {
                if (!FileStatusCalls.TryStat(layersFolder, Name(chainId), out _))
                {
                    layers.Remove(chainId);
                    draft.Publish(chainId, parent);
                }
                else if (!FileStatusCalls.TryStat(layersFolder, [.. Name(chainId), .. "/fs"u8], out _))
                {
                    Paths.Rename(ingestFolder, [.. staged, .. "/fs"u8], layersFolder, [.. Name(chainId), .. "/fs"u8], noReplace: true);
                }
                else
                {
                    PathExchange.Exchange(ingestFolder, [.. staged, .. "/fs"u8], layersFolder, [.. Name(chainId), .. "/fs"u8]);
                }

                layers[chainId] = parent;
            }

            FailPoint.Reach(FailPoints.RepairExchanged);
            Root.SyncFileSystem();
        },
        $"layer {chainId} cannot be put in place");

    /// <summary>Unpacks a layer's archive into a new draft on the parent.</summary>
    internal ILayerDraft Stage(Digest parent) => CreateDraft(DraftsNeedParent ? parent : default);

    private static FileDescriptor? TryOpen(FileDescriptor folder, ReadOnlySpan<byte> path)
    {
        try
        {
            return Paths.Open(folder, path, FolderFlags);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            return null;
        }
    }

    private static string? TryReadLink(FileDescriptor folder, ReadOnlySpan<byte> path)
    {
        try
        {
            return Encoding.ASCII.GetString(Paths.ReadLink(folder, path));
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }
        catch (LinuxException e) when (e.Errno == Errno.EINVAL)
        {
            return ""; // something else lies there
        }
    }

    private void SetLink(FileDescriptor folder, byte[] name, Digest target) => Guard(
        () =>
        {
            byte[] link = [.. name, .. "/parent"u8];
            if (target.IsEmpty)
            {
                using FileDescriptor holder = Paths.Open(folder, name, FolderFlags);
                FolderTree.Delete(holder, "parent"u8);
                return;
            }

            byte[] staged = Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N"));
            Paths.MakeSymlink(Name(target), ingestFolder, staged);
            try
            {
                Paths.Rename(ingestFolder, staged, folder, link);
            }
            catch
            {
                Paths.Unlink(ingestFolder, staged);
                throw;
            }

            Root.SyncFileSystem();
        },
        "a link to the layer below cannot be written");
}
