using Berth.Model;
using Berth.Storage.Snapshots;
using Berth.Storage.Snapshots.Overlay;

namespace Berth.Storage.Tests.Snapshots;

public sealed class OverlaySnapshotterTests : SnapshotterSuite
{
    [Fact]
    public void MountOptionsNameTheUppermostLayerFirst()
    {
        ContainerId id = ContainerId.Create();
        IReadOnlyList<Mount> mounts = Snapshotter.Prepare(id, []);
        Assert.Equal(
            [$"lowerdir={Root.Path}/snapshots/empty", $"upperdir={Root.Path}/snapshots/containers/{id}/upper", $"workdir={Root.Path}/snapshots/containers/{id}/work"],
            mounts[0].Options);
    }

    private protected override ISnapshotter Open(StorageRoot root) => OverlaySnapshotter.Open(root);

    private protected override ValueTask CloseAsync(ISnapshotter snapshotter) => ((OverlaySnapshotter)snapshotter).DisposeAsync();
}
