using Berth.Storage.Content;
using Berth.Storage.Images;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Metadata;
using Berth.Storage.Snapshots.Overlay;

namespace Berth.Storage.Tests.Support;

/// <summary>All stores over one data root, as a daemon has them.</summary>
internal sealed class Stores : IAsyncDisposable
{
    public Stores(string path, TarLimits? limits = null)
    {
        Root = StorageRoot.Open(path);
        Journal = Journal.Open(Root);
        Content = ContentStore.Open(Root);
        Snapshotter = OverlaySnapshotter.Open(Root);
        Images = ImageStore.Open(Journal, Content, Snapshotter, limits);
    }

    public StorageRoot Root { get; }

    public Journal Journal { get; }

    public ContentStore Content { get; }

    public OverlaySnapshotter Snapshotter { get; }

    public ImageStore Images { get; }

    /// <summary>Names of everything an import may leave: blobs, layers, drafts.</summary>
    public IReadOnlyList<string> Leftovers() =>
    [
        .. Directory.GetFileSystemEntries(Root.PathOf("content/blobs/sha256")),
        .. Directory.GetFileSystemEntries(Root.PathOf("content/ingest")),
        .. Directory.GetFileSystemEntries(Root.PathOf("snapshots/layers")),
        .. Directory.GetFileSystemEntries(Root.PathOf("snapshots/ingest")),
    ];

    public async ValueTask DisposeAsync()
    {
        Images.Dispose();
        await Snapshotter.DisposeAsync();
        Content.Dispose();
        await Journal.DisposeAsync();
        Root.Dispose();
    }
}
