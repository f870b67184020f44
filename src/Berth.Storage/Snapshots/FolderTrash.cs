using System.Text;
using System.Threading.Channels;
using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Storage.Snapshots;

/// <summary>
/// Deletes trees in the background: they are renamed into one folder at once and deleted there one after the other. What a crash or an
/// error leaves there is tried again at the next start.
/// </summary>
internal sealed class FolderTrash : IAsyncDisposable
{
    private readonly FileDescriptor folder;
    private readonly Channel<byte[]> queue = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource stopping = new();
    private readonly Task worker;

    /// <param name="path">The folder, which exists; its present content is deleted too.</param>
    public FolderTrash(string path)
    {
        folder = Paths.OpenFolder(path);
        foreach (string left in Directory.EnumerateFileSystemEntries(path))
        {
            queue.Writer.TryWrite(Encoding.UTF8.GetBytes(Path.GetFileName(left)));
        }

        worker = Task.Run(WorkAsync);
    }

    /// <summary>The last tree that could not be deleted, and why; null when there was none. It stays in the folder.</summary>
    public LinuxException? LastFailure { get; private set; }

    /// <summary>Moves <paramref name="name"/> of <paramref name="from"/> here; it is gone there on return. A name that does not exist is no error.</summary>
    public void Take(FileDescriptor from, ReadOnlySpan<byte> name)
    {
        byte[] target = Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("N"));
        try
        {
            Paths.Rename(from, name, folder, target, noReplace: true);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return;
        }

        FailPoint.Reach(FailPoints.TrashTaken);
        // After the end of the worker the next start does it.
        queue.Writer.TryWrite(target);
    }

    /// <summary>Ends after the tree in hand; the rest is left for the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await stopping.CancelAsync();
        await worker;
        stopping.Dispose();
        folder.Dispose();
    }

    private async Task WorkAsync()
    {
        while (await queue.Reader.WaitToReadAsync())
        {
            while (queue.Reader.TryRead(out byte[]? name))
            {
                if (stopping.IsCancellationRequested)
                {
                    continue;
                }

                try
                {
                    FolderTree.Delete(folder, name);
                }
                catch (LinuxException e)
                {
                    LastFailure = e;
                }
            }
        }
    }
}
