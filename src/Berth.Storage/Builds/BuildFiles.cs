using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Builds;

/// <summary>Files that a build copies from, opened: its context, or the layers of a stage or image, which must stay meanwhile. For one caller at a time.</summary>
public sealed class BuildFiles : IDisposable
{
    private readonly StorageRoot storage;
    private readonly ISourceTree tree;

    private BuildFiles(StorageRoot storage, ISourceTree tree)
    {
        this.storage = storage;
        this.tree = tree;
    }

    /// <summary>The files of a context.</summary>
    public static BuildFiles Of(StorageRoot storage, BuildContext context) => new(storage, context.OpenTree());

    /// <summary>The files of layers, lowest first.</summary>
    /// <exception cref="EngineException">NotFound when a layer is missing; Internal when the kernel refuses.</exception>
    public static BuildFiles Of(StorageRoot storage, ISnapshotter snapshotter, IReadOnlyList<Digest> chainIds) => new(storage, LayerTree.Open(storage, snapshotter, chainIds));

    /// <summary>Finds what a COPY or ADD names.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words: nothing there, or outside of the source.</exception>
    public SelectedFiles Select(CopyRequest request) => new(storage, tree, CopySelection.Make(tree, request));

    /// <summary>A file's text, its links followed; null when there is none or it is larger than <paramref name="most"/> bytes.</summary>
    /// <exception cref="EngineException">InvalidArgument for links in a circle; Internal when the disk refuses.</exception>
    public string? TryReadText(string path, int most)
    {
        try
        {
            byte[] name = SourcePaths.Resolve(tree, System.Text.Encoding.UTF8.GetBytes(path), followsLast: true);
            if (tree.Find(name) is not { Type: Layers.Tar.TarEntryType.File } file || file.Size > most)
            {
                return null;
            }

            using var reader = new StreamReader(tree.Open(file));
            return reader.ReadToEnd();
        }
        catch (Berth.Linux.LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"{PrintableText.Of(path)} of a build's step cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Whether a folder is at the path, links followed.</summary>
    /// <exception cref="EngineException">InvalidArgument for links in a circle.</exception>
    public bool HasFolder(string path) => tree.Find(SourcePaths.Resolve(tree, System.Text.Encoding.UTF8.GetBytes(path), followsLast: true)) is { IsFolder: true };

    /// <inheritdoc/>
    public void Dispose() => tree.Dispose();
}

/// <summary>What a COPY or ADD takes; as long as its <see cref="BuildFiles"/> are open.</summary>
public sealed class SelectedFiles
{
    private readonly StorageRoot storage;
    private readonly ISourceTree tree;
    private readonly CopySelection selection;

    internal SelectedFiles(StorageRoot storage, ISourceTree tree, CopySelection selection)
    {
        this.storage = storage;
        this.tree = tree;
        this.selection = selection;
    }

    /// <summary>How many files and folders are named, patterns counted by what they fit.</summary>
    public int Count => selection.Sources.Count;

    /// <summary>Docker's word in the history for what it is: <c>file</c>, <c>dir</c> or <c>multi</c>.</summary>
    public string Kind => selection.Sources is [var one] ? one.Entry.IsFolder ? "dir" : "file" : "multi";

    /// <summary>Digest of names, kinds, permissions, attributes and content. Reads the files of layers; a context's have their digests.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public Task<Digest> GetDigestAsync(CancellationToken cancellationToken) => Task.Factory.StartNew(
        () =>
        {
            try
            {
                return selection.GetDigest(cancellationToken);
            }
            catch (Berth.Linux.LinuxException e)
            {
                throw new EngineException(ErrorKind.Internal, $"the files that a build step copies cannot be read: {e.Message}", e);
            }
        },
        cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Makes a layer of them.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words; Internal when the disk refuses.</exception>
    public Task<BuiltLayer> CopyAsync(ImageAssembly assembly, IReadOnlyList<Digest> chainIds, CancellationToken cancellationToken) =>
        assembly.AddCopyAsync(storage, selection, tree, chainIds, cancellationToken);
}
