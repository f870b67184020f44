using System.Diagnostics;
using Berth.Linux;
using Berth.Linux.Files;
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
        ILayerDraft killed = Snapshotter.CreateDraft(default);
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
        foreach (string part in Directory.GetDirectories(temp[$"snapshots/containers/{id}"]))
        {
            Directory.Delete(part);
        }

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

    [Fact]
    public void AHundredAndTwentyFiveLayersStack()
    {
        List<Digest> chain = [];
        for (int i = 0; i < 125; i++)
        {
            // Each deletes the one before it, and all write into one folder.
            TarBuilder archive = new TarBuilder().Folder("all").File("all/" + i, "x").File("top", i.ToString());
            if (i > 0)
            {
                archive.File("all/.wh." + (i - 1));
            }

            chain.Add(Publish(Digest.Of(System.Text.Encoding.ASCII.GetBytes("layer " + i)), i == 0 ? default : chain[^1], archive));
        }

        ContainerId id = ContainerId.Create();
        Snapshotter.Prepare(id, chain);
        ContainerContent content = new(Snapshotter);
        Assert.Empty(content.ListChanges(id, chain, default));
        using MemoryStream tree = new();
        content.WriteTree(id, chain, tree, default);
        Assert.Equal(["all/", "all/124", "top"], TarText.Names(tree.ToArray()));
    }

    [Fact]
    public void OpaqueFoldersAndReplacementsShowOnlyTheNew()
    {
        Digest lower = Publish(Digest.Of("lower"u8), default, new TarBuilder().Folder("d").File("d/old", "o").Folder("d/sub").File("d/sub/x", "x").File("f", "file").Folder("g").File("g/y", "y").Symlink("s", "f"));
        Digest upper = Publish(
            Digest.Of("upper"u8), lower,
            new TarBuilder().Folder("d").File("d/new", "n").Folder("d/sub").File("d/.wh..wh..opq").File("d/sub/mine", "m").Folder("f").File("f/in", "i").File("g", "now a file").File("s", "now a file too"));
        ContainerId id = ContainerId.Create();
        Mounted(Snapshotter.Prepare(id, [lower, upper]), root =>
        {
            Assert.Equal(["new", "sub"], Directory.GetFileSystemEntries(root + "/d").Select(Path.GetFileName).Order());
            Assert.Equal(["mine"], Directory.GetFileSystemEntries(root + "/d/sub").Select(Path.GetFileName));
            Assert.Equal("i", File.ReadAllText(root + "/f/in"));
            Assert.Equal("now a file", File.ReadAllText(root + "/g"));
            Assert.Equal("now a file too", File.ReadAllText(root + "/s"));
        });
        using MemoryStream tree = new();
        new ContainerContent(Snapshotter).WriteTree(id, [lower, upper], tree, default);
        Assert.Equal(["d/", "d/new", "d/sub/", "d/sub/mine", "f/", "f/in", "g", "s"], TarText.Names(tree.ToArray()));
    }

    [Fact]
    public void ChangesAreListedAsDockerListsThem()
    {
        Digest lower = Publish(
            Digest.Of("lower"u8), default,
            new TarBuilder().Folder("etc").File("etc/group", "g").File("etc/passwd", "p").Folder("root").Folder("tmp", 0x3FF).Folder("var").Folder("gone").File("gone/x", "x").Folder("same").File("same/f", "f")
                .Folder("redone").File("redone/old", "o").File("redone/both", "b").File("folder-now", "f"));
        ContainerId id = ContainerId.Create();
        Mounted(Snapshotter.Prepare(id, [lower]), root =>
        {
            File.WriteAllText(root + "/etc/new", "new");
            File.Delete(root + "/etc/group");
            File.AppendAllText(root + "/etc/passwd", "more");
            Directory.CreateDirectory(root + "/d/e");
            File.WriteAllText(root + "/d/e/f", "");
            File.SetUnixFileMode(root + "/root", (UnixFileMode)0x180);
            File.WriteAllText(root + "/var/x", "x");
            File.Delete(root + "/var/x");
            Directory.Delete(root + "/gone", recursive: true);
            File.SetUnixFileMode(root + "/same/f", File.GetUnixFileMode(root + "/same/f"));
            Directory.Delete(root + "/redone", recursive: true);
            Directory.CreateDirectory(root + "/redone");
            File.WriteAllText(root + "/redone/both", "other");
            File.Delete(root + "/folder-now");
            Directory.CreateDirectory(root + "/folder-now/x");
            Run("mkfifo", root + "/tmp/fifo");
        });
        ContainerContent content = new(Snapshotter);
        Assert.Equal(
            [
                "A /d", "A /d/e", "A /d/e/f", "C /etc", "D /etc/group", "A /etc/new", "C /etc/passwd", "C /folder-now", "A /folder-now/x", "D /gone",
                "C /redone", "C /redone/both", "D /redone/old", "C /root", "C /tmp", "A /tmp/fifo",
            ],
            content.ListChanges(id, [lower], default).Select(change => $"{"CAD"[(int)change.Kind]} {change.Path}"));

        // Overlay also holds the file that was only touched.
        Assert.InRange(content.GetSize(id, [lower], default), 3 + 5 + 5, 3 + 5 + 5 + 1);
    }

    [Fact]
    public void ADiffAppliedToTheSameLayersGivesTheSameTree()
    {
        Digest lower = Publish(Digest.Of("lower"u8), default, new TarBuilder().Folder("etc").File("etc/a", "a").File("etc/b", "b").Folder("redone").File("redone/old", "o").Folder("gone").File("gone/x", "x"));
        ContainerId first = ContainerId.Create();
        Mounted(Snapshotter.Prepare(first, [lower]), root =>
        {
            File.WriteAllText(root + "/etc/new", "new");
            File.Delete(root + "/etc/b");
            Directory.Delete(root + "/gone", recursive: true);
            Directory.Delete(root + "/redone", recursive: true);
            Directory.CreateDirectory(root + "/redone/sub");
            Run("sh", "-c", $"cd {root} && mknod null c 1 3 && ln etc/new hard && ln -s etc/new soft && chown 1234567:70000 etc/new && touch -d @1000000000.123456789 etc/new && mkfifo fifo && truncate -s 100M sparse && echo end >> sparse && setcap cap_net_raw+ep etc/a && chmod 4755 hard && mkdir -p {string.Join('/', Enumerable.Repeat("deep-folder-with-a-name", 20))}");
        });
        ContainerContent content = new(Snapshotter);
        using MemoryStream diff = new();
        content.WriteDiff(first, [lower], diff, default);
        diff.Position = 0;
        Digest upper = Digest.Of("upper"u8);
        using (ILayerDraft draft = Snapshotter.CreateDraft(lower))
        {
            draft.Unpack(diff, new TarLimits());
            draft.Publish(upper, lower);
        }

        ContainerId second = ContainerId.Create();
        Snapshotter.Prepare(second, [lower, upper]);
        Assert.Empty(content.ListChanges(second, [lower, upper], default));
        using MemoryStream before = new();
        using MemoryStream after = new();
        content.WriteTree(first, [lower], before, default);
        content.WriteTree(second, [lower, upper], after, default);
        string[] wanted = TarText.Describe(before.ToArray());
        Assert.Equal(wanted, TarText.Describe(after.ToArray()));
        Assert.Contains("etc/new 0 9ed 1234567:70000 1000000000.123456789 3 hard=", wanted);
        Assert.True(wanted.Any(line => line.StartsWith("etc/a 0 1a4") && line.Contains("security.capability=0100000200200000")), string.Join("\n", wanted.Where(line => !line.StartsWith("deep"))));
        Assert.Contains(wanted, line => line.StartsWith("null 3 ") && line.Contains(" 1,3 "));
        Mounted(Snapshotter.MountsOf(second, [lower, upper]), root => Assert.True(TarText.AllocatedBytes(root, "sparse") < 1 << 20));
    }

    [Theory]
    [InlineData(2000, true)]
    [InlineData(3000, false)]
    public void AsDeepAsAPathCanBeTreesAreReadAndDeeperOnesRefused(int levels, bool isReadable)
    {
        Digest lower = Publish(Digest.Of("lower"u8), default, new TarBuilder().Folder("d"));
        ContainerId id = ContainerId.Create();
        Mounted(Snapshotter.Prepare(id, [lower]), root => MakeLevels(root, levels));
        ContainerContent content = new(Snapshotter);
        foreach (Func<long> read in new Func<long>[]
        {
            () => content.ListChanges(id, [lower], default).Count + 1,
            () => content.WriteDiff(id, [lower], Stream.Null, default),
            () => content.WriteTree(id, [lower], Stream.Null, default),
        })
        {
            long found = 0;
            Exception? failure = null;
            var thread = new Thread(() => failure = Record.Exception(() => found = read()), 512 << 10); // a third of what a pool's thread has
            thread.Start();
            thread.Join();
            if (isReadable)
            {
                Assert.Null(failure);
                Assert.InRange(found, levels, levels + 1);
            }
            else
            {
                EngineException refusal = Assert.IsType<EngineException>(failure);
                Assert.Equal(ErrorKind.InvalidArgument, refusal.Kind);
                Assert.Contains("is longer than 4095 bytes", refusal.Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task SizesAreToldHoweverDeepATreeIs()
    {
        Digest lower = Publish(Digest.Of("lower"u8), default, new TarBuilder().Folder("d").Folder("d/d").File("d/d/old", "old").File("d/d/changed", "one"));
        ContainerId id = ContainerId.Create();
        ContainerContent content = new(Snapshotter);
        Mounted(Snapshotter.Prepare(id, [lower]), root =>
        {
            MakeDeep(root + "/d/d", 2500, "text at the end"u8);
            File.WriteAllText(root + "/d/d/changed", "three");
            Run("sh", "-c", $"cd {root} && mkdir m && ln -s target m/soft && ln d/d/changed m/hard");
        });
        Assert.Equal("text at the end".Length + "three".Length + "target".Length, await AloneAsync(() => content.GetSize(id, [lower], default)));

        // What is moved while its size is asked for is counted or not.
        using var done = new CancellationTokenSource();
        string upper = ((ISnapshotContent)Snapshotter).FoldersOf(id, [lower]).Upper;
        Task moves = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                Directory.Move(upper + "/d/d/x", upper + "/m/x");
                Directory.Move(upper + "/m/x", upper + "/d/d/x");
            }
        });
        for (int i = 0; i < 5; i++)
        {
            Assert.InRange(content.GetSize(id, [lower], default), 0, 100);
        }

        await done.CancelAsync();
        await moves;
    }

    // With a third of the stack that a pool's thread has.
    private static async Task<long> AloneAsync(Func<long> read)
    {
        var result = new TaskCompletionSource<long>();
        var thread = new Thread(
            () =>
            {
                try
                {
                    result.SetResult(read());
                }
                catch (Exception exception)
                {
                    result.SetException(exception); // thrown where it is awaited
                }
            },
            512 << 10);
        thread.Start();
        return await result.Task;
    }

    private static void MakeDeep(string root, int levels, ReadOnlySpan<byte> text)
    {
        FileDescriptor folder = Paths.OpenFolder(root);
        for (int i = 0; i < levels; i++)
        {
            Paths.MakeFolder(folder, "x"u8, 0x1ED);
            FileDescriptor below = Paths.Open(folder, "x"u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);
            folder.Dispose();
            folder = below;
        }

        FileDescriptor end = Paths.Open(folder, "f"u8, OpenFlags.O_WRONLY | OpenFlags.O_CREAT, 0x180);
        folder.Dispose();
        using var file = new FileStream(end.ToFileHandle(), FileAccess.Write);
        file.Write(text);
    }

    private static void MakeLevels(string root, int levels)
    {
        FileDescriptor folder = Paths.OpenFolder(root);
        for (int i = 0; i < levels; i++)
        {
            if (i > 0)
            {
                Paths.MakeFolder(folder, "d"u8, 0x1ED);
            }

            FileDescriptor below = Paths.Open(folder, "d"u8, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);
            folder.Dispose();
            folder = below;
        }

        folder.Dispose();
    }

    private protected abstract ISnapshotter Open(StorageRoot root);

    private protected abstract ValueTask CloseAsync(ISnapshotter snapshotter);

    private Digest Publish(Digest chainId, Digest parent, TarBuilder archive)
    {
        using ILayerDraft draft = Snapshotter.CreateDraft(parent);
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
        if (mount.Type == "bind")
        {
            Run("mount", "--bind", mount.Source, target);
        }
        else
        {
            MountOverlay(mount, target);
        }

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

    private static void MountOverlay(Mount mount, string target)
    {
        // mount(8)'s classic interface wants the lower folders in one option.
        string lower = string.Join(':', mount.Options.Where(o => o.StartsWith("lowerdir=")).Select(o => o["lowerdir=".Length..]));
        string options = string.Join(',', mount.Options.Where(o => !o.StartsWith("lowerdir=")).Prepend("lowerdir=" + lower));
        Run("mount", "-t", mount.Type, "-o", options, mount.Source, target);
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
