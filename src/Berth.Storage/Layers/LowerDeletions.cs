using System.Text;
using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Storage.Layers;

/// <summary>
/// Deletions of a layer that is applied to a copy of what lies below it. They are about the layers below alone: what the same archive has
/// made stays, wherever in the archive the deletion stands (OCI image specification, layer.md, "Whiteouts").
/// </summary>
internal sealed class LowerDeletions(LayerFolders folders)
{
    private readonly HashSet<string> own = new(StringComparer.Ordinal);

    /// <summary>Takes note of a path that the archive makes, with the folders on the way to it. Returns the bytes of memory that this costs, about.</summary>
    public long Remember(ReadOnlySpan<byte> path)
    {
        long cost = 0;
        for (; !path.IsEmpty && own.Add(Encoding.Latin1.GetString(path)); path = LayerPath.Parent(path))
        {
            cost += path.Length + 32;
        }

        return cost;
    }

    /// <summary>Deletes the file or folder; of a folder that the archive made, what it did not put there. A path that does not exist is no error.</summary>
    public void Delete(byte[] path)
    {
        folders.Forget();
        using FileDescriptor? folder = folders.OpenSecond(LayerPath.Parent(path));
        if (folder is null || !FileStatusCalls.TryStat(folder, LayerPath.Name(path), out FileStatus status))
        {
            return;
        }

        if (!IsOwn(path))
        {
            FolderTree.Delete(folder, LayerPath.Name(path));
        }
        else if (status.IsFolder)
        {
            DeleteContent(path);
        }
    }

    /// <summary>Deletes all that the folder holds from layers below.</summary>
    public void DeleteContent(ReadOnlySpan<byte> path)
    {
        folders.Forget();
        using FileDescriptor? folder = folders.OpenSecond(path);
        if (folder is null)
        {
            return;
        }

        foreach (FolderEntry entry in ReadAll(folder))
        {
            byte[] below = [.. path, (byte)'/', .. entry.Name];
            if (!IsOwn(below))
            {
                FolderTree.Delete(folder, entry.Name);
            }
            else if (FileStatusCalls.TryStat(folder, entry.Name, out FileStatus status) && status.IsFolder)
            {
                DeleteContent(below);
            }
        }
    }

    private static List<FolderEntry> ReadAll(FileDescriptor folder)
    {
        List<FolderEntry> entries = [];
        using FileDescriptor reader = Paths.Open(folder, "."u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW);
        for (IReadOnlyList<FolderEntry> some = FolderReader.ReadSome(reader); some.Count > 0; some = FolderReader.ReadSome(reader))
        {
            entries.AddRange(some);
        }

        return entries;
    }

    private bool IsOwn(ReadOnlySpan<byte> path) => own.Contains(Encoding.Latin1.GetString(path));
}
