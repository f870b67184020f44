using Berth.Model;
using Berth.Storage.Snapshots;
using Berth.Storage.Snapshots.Native;
using Berth.Storage.Snapshots.Overlay;

namespace Berth.Storage.Tests.Snapshots;

public sealed class NativeSnapshotterTests : SnapshotterSuite
{
    [Fact]
    public void ADataRootKeepsItsDriver()
    {
        EngineException e = Assert.Throws<EngineException>(() => OverlaySnapshotter.Open(Root));
        Assert.Equal(ErrorKind.Conflict, e.Kind);
        Assert.Contains("storage driver vfs, not overlay2", e.Message);
    }

    private protected override ISnapshotter Open(StorageRoot root) => NativeSnapshotter.Open(root);

    private protected override ValueTask CloseAsync(ISnapshotter snapshotter) => ((NativeSnapshotter)snapshotter).DisposeAsync();
}
