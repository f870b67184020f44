using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Builds;

/// <summary>
/// Folders of the data root (<c>builds/mounts</c>) that hold what running steps have mounted, each for as long as one step runs. What a crash leaves of them is deleted when the next daemon begins.
/// Safe for concurrent use.
/// </summary>
public sealed class StepFolders
{
    private const uint Private = 0x1C0;
    private readonly string path;

    /// <param name="storage">Where they are.</param>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public StepFolders(StorageRoot storage)
    {
        path = storage.PathOf("builds/mounts");
        try
        {
            storage.MakeFolders("builds/mounts");
            string[] left = Directory.GetFileSystemEntries(path);
            if (left.Length > 0)
            {
                _ = Task.Run(() => Array.ForEach(left, entry => Delete(Path.GetFileName(entry))));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.Internal, $"the folder {path} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Makes one; its name is new.</summary>
    /// <exception cref="LinuxException">The disk refuses.</exception>
    internal StepFolder Make()
    {
        string name = Guid.NewGuid().ToString("N");
        using FileDescriptor parent = Paths.OpenFolder(path);
        Paths.MakeFolder(parent, Encoding.ASCII.GetBytes(name), Private);
        return new StepFolder(path + "/" + name, Paths.Open(parent, Encoding.ASCII.GetBytes(name), OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW), () => Delete(name));
    }

    /// <summary>Takes a folder out of another one and deletes it; a crash in between deletes it at the next start.</summary>
    /// <exception cref="LinuxException">The disk refuses.</exception>
    internal void Take(FileDescriptor from, string name)
    {
        string taken = Guid.NewGuid().ToString("N");
        using FileDescriptor parent = Paths.OpenFolder(path);
        Paths.Rename(from, Encoding.UTF8.GetBytes(name), parent, Encoding.ASCII.GetBytes(taken), noReplace: true);
        FolderTree.Delete(parent, Encoding.ASCII.GetBytes(taken));
    }

    private void Delete(string name)
    {
        try
        {
            using FileDescriptor parent = Paths.OpenFolder(path);
            FolderTree.Delete(parent, Encoding.UTF8.GetBytes(name));
        }
        catch (LinuxException)
        {
            // Tried again at the next start.
        }
    }
}

/// <summary>One of them; deleted when it is disposed.</summary>
/// <param name="Path">Absolute.</param>
/// <param name="Folder">Open.</param>
/// <param name="Delete">Deletes it.</param>
internal sealed record StepFolder(string Path, FileDescriptor Folder, Action Delete) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Folder.Dispose();
        Delete();
    }
}
