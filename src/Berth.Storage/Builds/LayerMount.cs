using System.Text;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Builds;

/// <summary>A file or folder of layers as a mount of its own, without a copy.</summary>
internal static class LayerMount
{
    // fsconfig(2) takes 255 bytes for a value, and "lowerdir+" came with Linux 6.7.
    private const int MaxValue = 250;
    private static readonly Version FirstKernel = new(6, 7);

    /// <summary>Makes it; null where this host or the names in the path allow none, and a copy has to do.</summary>
    /// <param name="storage">Where everything is.</param>
    /// <param name="view">The layers' mount.</param>
    /// <param name="entry">What is shown, its path without links.</param>
    /// <param name="folders">Where a writable mount keeps what is written.</param>
    /// <param name="isWritable">Whether it can be written to.</param>
    /// <exception cref="Berth.Linux.LinuxException">The disk refuses.</exception>
    public static PreparedMount? TryMake(StorageRoot storage, Mount view, SourceEntry entry, StepFolders folders, bool isWritable)
    {
        if (entry.Path.AsSpan().ContainsAny(",:\\"u8) || entry.Path.AsSpan().ContainsAnyExceptInRange((byte)' ', (byte)'~') || entry.Type is not (Layers.Tar.TarEntryType.Folder or Layers.Tar.TarEntryType.File))
        {
            return null;
        }

        IReadOnlyList<string> found = LowerPaths.Find(view, entry.Path, entry.IsFolder);
        if (!isWritable && found.Count == 1 && (!entry.IsFolder || view.Type != "overlay"))
        {
            return PreparedMount.Bind(found[0], isReadOnly: true, static () => { });
        }

        if (!entry.IsFolder || view.Type != "overlay" || found.Count == 0 || Environment.OSVersion.Version < FirstKernel || found.Any(static path => Encoding.UTF8.GetByteCount(path) > MaxValue))
        {
            return null;
        }

        List<string> options = [.. found.Select(static path => "lowerdir+=" + path), .. view.Options.Where(static option => !option.StartsWith("lowerdir", StringComparison.Ordinal))];
        if (isWritable)
        {
            return MakeWritable(entry, folders, options);
        }

        if (found.Count == 1)
        {
            options.Insert(1, "lowerdir+=" + storage.PathOf("snapshots/empty")); // without a writable layer the kernel wants two of the others
        }

        return new PreparedMount(new Mount("overlay", "overlay", "", [.. options, "ro", "nodev"]), static () => { });
    }

    private static PreparedMount MakeWritable(SourceEntry entry, StepFolders folders, List<string> options)
    {
        StepFolder folder = folders.Make();
        try
        {
            Paths.MakeFolder(folder.Folder, "work"u8, 0x1C0);
            Paths.MakeFolder(folder.Folder, "upper"u8, 0x1C0);
            FileAttributeCalls.SetOwner(folder.Folder, "upper"u8, entry.Uid, entry.Gid); // overlay shows the upper folder's own
            FileAttributeCalls.SetMode(folder.Folder, "upper"u8, entry.Mode);
            options.AddRange(["upperdir=" + folder.Path + "/upper", "workdir=" + folder.Path + "/work", "nodev"]);
            return new PreparedMount(new Mount("overlay", "overlay", "", options), folder.Dispose);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }
}
