using System.Diagnostics;
using Berth.Model;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Snapshots;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Snapshots;

/// <summary>What every snapshotter must do; a driver's test class inherits it.</summary>
public abstract class SnapshotterSuite : IAsyncLifetime
{
    private readonly TempFolder temp = new();

    private protected StorageRoot Root { get; private set; } = null!;

    private protected ISnapshotter Snapshotter { get; private set; } = null!;

    public Task InitializeAsync()
    {
        Root = StorageRoot.Open(temp.Path);
        Snapshotter = Open(Root);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await CloseAsync(Snapshotter);
        Root.Dispose();
        temp.Dispose();
    }

    [Fact]
    public void LayersStackAndWritesStayInTheContainer()
    {
        Digest lower = Publish(Digest.Of("lower"u8), default, new TarBuilder().Folder("./", 0x1C0).File("etc/a", "lower a").File("etc/b", "lower b").Folder("opaque").File("opaque/hidden", "h"));
        Digest upper = Publish(Digest.Of("upper"u8), lower, new TarBuilder().File("etc/a", "upper a").File("etc/.wh.b").Folder("opaque").File("opaque/.wh..wh..opq").File("opaque/seen", "s"));
        ContainerId first = ContainerId.Create();
        ContainerId second = ContainerId.Create();
        Mounted(Snapshotter.Prepare(first, [lower, upper]), root =>
        {
            Assert.Equal("upper a", File.ReadAllText(root + "/etc/a"));
            Assert.False(File.Exists(root + "/etc/b"));
            Assert.Equal(["seen"], Directory.GetFileSystemEntries(root + "/opaque").Select(Path.GetFileName));
            Assert.Equal((UnixFileMode)0x1ED, File.GetUnixFileMode(root));
            File.WriteAllText(root + "/etc/a", "mine");
            File.WriteAllText(root + "/new", "mine");
        });
        Mounted(Snapshotter.Prepare(second, [lower, upper]), root =>
        {
            Assert.Equal("upper a", File.ReadAllText(root + "/etc/a"));
            Assert.False(File.Exists(root + "/new"));
        });
        Mounted(Snapshotter.MountsOf(first, [lower, upper]), root => Assert.Equal("mine", File.ReadAllText(root + "/etc/a")));
    }

    [Fact]
    public void AContainerWithoutLayersIsEmpty() =>
        Mounted(Snapshotter.Prepare(ContainerId.Create(), []), root =>
        {
            Assert.Empty(Directory.GetFileSystemEntries(root));
            File.WriteAllText(root + "/x", "x");
        });

    [Fact]
    public void PreparingTwiceIsAConflictAndMissingLayersAreNotFound()
    {
        ContainerId id = ContainerId.Create();
        Snapshotter.Prepare(id, []);
        Assert.Equal(ErrorKind.Conflict, Assert.Throws<EngineException>(() => Snapshotter.Prepare(id, [])).Kind);
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<EngineException>(() => Snapshotter.Prepare(ContainerId.Create(), [Digest.Of("none"u8)])).Kind);
        Assert.Equal([id], Snapshotter.ListContainers());
        Snapshotter.Remove(id);
        Snapshotter.Remove(id);
        Assert.Empty(Snapshotter.ListContainers());
    }

    [Fact]
    public void ALayerInUseIsNotRetired()
    {
        Digest lower = Publish(Digest.Of("1"u8), default, new TarBuilder().File("a"));
        Digest upper = Publish(Digest.Of("2"u8), lower, new TarBuilder().File("b"));
        ContainerId id = ContainerId.Create();
        Snapshotter.Prepare(id, [lower, upper]);
        Assert.False(Snapshotter.TryRetireLayer(lower));
        Assert.False(Snapshotter.TryRetireLayer(upper));
        Snapshotter.Remove(id);
        Assert.False(Snapshotter.TryRetireLayer(lower));
        Assert.True(Snapshotter.TryRetireLayer(upper));
        Assert.False(Snapshotter.HasLayer(upper));
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<EngineException>(() => Snapshotter.Prepare(id, [lower, upper])).Kind);
        Snapshotter.RestoreLayer(upper);
        Assert.True(Snapshotter.HasLayer(upper));
        Assert.True(Snapshotter.TryRetireLayer(upper));
        Snapshotter.DeleteLayer(upper);
        Assert.True(Snapshotter.TryRetireLayer(lower));
        Snapshotter.DeleteLayer(lower);
        Assert.Empty(Snapshotter.ListLayers());
    }

    [Fact]
    public async Task EverythingIsKnownAgainAfterARestart()
    {
        Digest lower = Publish(Digest.Of("1"u8), default, new TarBuilder().File("a", "a"));
        Digest upper = Publish(Digest.Of("2"u8), lower, new TarBuilder().File("b"));
        ContainerId id = ContainerId.Create();
        Snapshotter.Prepare(id, [lower, upper]);
        ILayerDraft killed = Snapshotter.CreateDraft();
        killed.Unpack(new TarBuilder().File("half").ToStream(), new TarLimits());
        await CloseAsync(Snapshotter);
        Snapshotter = Open(Root);
        Assert.Equal([id], Snapshotter.ListContainers());
        Assert.Equal([lower, upper], Snapshotter.ListLayers().OrderBy(layer => layer == upper));
        Assert.False(Snapshotter.TryRetireLayer(lower));
        Assert.False(Snapshotter.TryRetireLayer(upper));
        Assert.Empty(Directory.GetFileSystemEntries(temp["snapshots/ingest"]));
        Mounted(Snapshotter.MountsOf(id, [lower, upper]), root => Assert.Equal("a", File.ReadAllText(root + "/a")));
    }

    [Fact]
    public async Task AWritableLayerThatAPowerCutTookIsMadeAgain()
    {
        ContainerId id = ContainerId.Create();
        Snapshotter.Prepare(id, []);
        await CloseAsync(Snapshotter);
        Directory.Delete(temp[$"snapshots/containers/{id}/work"]);
        Snapshotter = Open(Root);
        Mounted(Snapshotter.MountsOf(id, []), root => Assert.Empty(Directory.GetFileSystemEntries(root)));
    }

    [Fact]
    public async Task ConcurrentDraftsOfOneLayerLeaveOne()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Publish(Digest.Of("same"u8), default, new TarBuilder().File("a", "content")))));
        Assert.Single(Snapshotter.ListLayers());
        Assert.Empty(Directory.GetFileSystemEntries(temp["snapshots/ingest"]));
    }

    [Fact]
    public async Task ConcurrentContainersComeAndGo()
    {
        Digest layer = Publish(Digest.Of("1"u8), default, new TarBuilder().File("a"));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 50; i++)
            {
                ContainerId id = ContainerId.Create();
                Snapshotter.Prepare(id, [layer]);
                Snapshotter.MountsOf(id, [layer]);
                Snapshotter.Remove(id);
            }
        })));
        Assert.Empty(Snapshotter.ListContainers());
        Assert.True(Snapshotter.TryRetireLayer(layer));
    }

    private protected abstract ISnapshotter Open(StorageRoot root);

    private protected abstract ValueTask CloseAsync(ISnapshotter snapshotter);

    private Digest Publish(Digest chainId, Digest parent, TarBuilder archive)
    {
        using ILayerDraft draft = Snapshotter.CreateDraft();
        draft.Unpack(archive.ToStream(), new TarLimits());
        draft.Publish(chainId, parent);
        return chainId;
    }

    private void Mounted(IReadOnlyList<Mount> mounts, Action<string> use)
    {
        Mount mount = Assert.Single(mounts);
        Assert.Equal("/", mount.Destination);
        string target = temp["mnt-" + Guid.NewGuid().ToString("N")];
        Directory.CreateDirectory(target);
        // mount(8)'s classic interface wants the lower folders in one option.
        string lower = string.Join(':', mount.Options.Where(o => o.StartsWith("lowerdir=")).Select(o => o["lowerdir=".Length..]));
        string options = string.Join(',', mount.Options.Where(o => !o.StartsWith("lowerdir=")).Prepend("lowerdir=" + lower));
        Run("mount", "-t", mount.Type, "-o", options, mount.Source, target);
        try
        {
            use(target);
        }
        finally
        {
            Run("umount", target);
            Directory.Delete(target);
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
