using Berth.Linux;
using Berth.Linux.Files;
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

    /// <summary>Finds what a mount shows: one file or folder.</summary>
    /// <param name="source">Its path; no pattern.</param>
    /// <param name="isContext">Whether messages speak of the context.</param>
    /// <exception cref="EngineException">InvalidArgument in docker's words: nothing there, or outside of the source.</exception>
    public SelectedFiles SelectOne(string source, bool isContext) =>
        new(storage, tree, CopySelection.MakeOne(tree, new CopyRequest { Sources = [source], Destination = "/", IsContext = isContext, ShowsOwners = tree is LayerTree }));

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
        catch (LinuxException e)
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
    public Task<Digest> GetDigestAsync(CancellationToken cancellationToken) =>
        OnThreadAsync(() => selection.GetDigest(cancellationToken), "the files that a build step copies cannot be read", cancellationToken);

    /// <summary>Makes them ready to be mounted, as <see cref="BuildFiles.SelectOne"/> found them. Layers are shown as they lie; a context is written to a folder that only this mount has.</summary>
    /// <param name="folders">Where files go that are written for it.</param>
    /// <param name="isWritable">Whether it can be written to; what is written is thrown away.</param>
    /// <param name="cancellationToken">Ends it; nothing is left.</param>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public Task<PreparedMount> MountAsync(StepFolders folders, bool isWritable, CancellationToken cancellationToken) => OnThreadAsync(
        () => tree is LayerTree layers && LayerMount.TryMake(storage, layers.View, selection.Sources[0].Entry, folders, isWritable) is { } mount ? mount : WriteOut(folders, isWritable, cancellationToken),
        "the files that a build step mounts cannot be prepared", cancellationToken);

    /// <summary>Writes the folder that <see cref="BuildFiles.SelectOne"/> found to another folder.</summary>
    internal void WriteTo(FileDescriptor folder, string name, CancellationToken cancellationToken)
    {
        using SourceTreeWriter writer = new(tree, folder, keepsOwners: tree is LayerTree);
        writer.Write(selection, selection.Sources[0], name, cancellationToken);
    }

    /// <summary>Makes a layer of them.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words; Internal when the disk refuses.</exception>
    public Task<BuiltLayer> CopyAsync(ImageAssembly assembly, IReadOnlyList<Digest> chainIds, CancellationToken cancellationToken) =>
        assembly.AddCopyAsync(storage, selection, tree, chainIds, cancellationToken);

    private static Task<T> OnThreadAsync<T>(Func<T> work, string failure, CancellationToken cancellationToken) => Task.Factory.StartNew(
        () =>
        {
            try
            {
                return work();
            }
            catch (LinuxException e)
            {
                throw new EngineException(ErrorKind.Internal, $"{failure}: {e.Message}", e);
            }
        },
        cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private PreparedMount WriteOut(StepFolders folders, bool isWritable, CancellationToken cancellationToken)
    {
        StepFolder folder = folders.Make();
        try
        {
            WriteTo(folder.Folder, "fs", cancellationToken);
            return PreparedMount.Bind(folder.Path + "/fs", !isWritable, folder.Dispose);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }
}
