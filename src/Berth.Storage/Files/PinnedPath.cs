using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Layers.Trees;

namespace Berth.Storage.Files;

/// <summary>A file or folder of a container, held by a descriptor: whatever becomes of its path, this stays what was found.</summary>
public sealed class PinnedPath : IDisposable
{
    private readonly FileDescriptor folder;
    private readonly byte[]? name;
    private readonly HashSet<int> binds;

    // Without a name the folder itself is meant, otherwise the name in it.
    internal PinnedPath(FileDescriptor folder, byte[]? name, PathStatus status, HashSet<int> binds)
    {
        this.binds = binds;
        this.folder = folder;
        this.name = name;
        Status = status;
    }

    /// <summary>What it is.</summary>
    public PathStatus Status { get; }

    /// <summary>
    /// Writes it as a tar archive, with all that it holds, under the name that it was asked for by. Of what is mounted below it, the container's binds are entered, and nothing else is.
    /// </summary>
    /// <exception cref="EngineException">Internal when it cannot be read.</exception>
    public Task WriteAsync(Stream output, CancellationToken cancellationToken) =>
        ThreadOutput.RunAsync(stream => Write(stream, cancellationToken), output, cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => folder.Dispose();

    private void Write(Stream output, CancellationToken cancellationToken)
    {
        try
        {
            TarWriter writer = new(output, namesRoot: true);
            using TreeArchive archive = new(writer, isLayer: false);
            AttributeReader attributes = new();
            if (name is not null)
            {
                if (FileDetailsCalls.TryGet(folder, name, out FileDetails file))
                {
                    archive.Present(new TreeEntry(name, folder, file, attributes.Read(folder, name)), isNew: true);
                }
            }
            else
            {
                byte[] prefix = Status.Name == "/" ? [] : Encoding.UTF8.GetBytes(Status.Name);
                archive.Present(new TreeEntry(prefix, folder, FileDetailsCalls.Get(folder), attributes.Read(folder, "."u8)), isNew: true);
                using TreeWalk walk = new(folder, new MountEntry(binds), cancellationToken);
                walk.Everything(new Prefixed(archive, prefix));
            }

            writer.Finish();
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"{Status.Name} cannot be read: {e.Message}", e);
        }
    }

    private sealed class Prefixed(ITreeVisitor inner, byte[] prefix) : ITreeVisitor
    {
        public void Present(TreeEntry entry, bool isNew) => inner.Present(entry with { Path = [.. prefix, (byte)'/', .. entry.Path] }, isNew);

        public void Deleted(byte[] path) => throw new InvalidOperationException("a folder as it is has no deletions");

        public void Opaque(byte[] path) => throw new InvalidOperationException("a folder as it is hides nothing");
    }
}
