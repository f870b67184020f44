using System.IO.Compression;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Layers;

/// <summary>Hostile archives through the whole import: nothing outside changes, and nothing of them is left in the data root.</summary>
public sealed class AttackTests : IAsyncLifetime
{
    private readonly TempFolder temp = new();
    private Stores stores = null!;

    public Task InitializeAsync()
    {
        Directory.CreateDirectory(temp["outside/folder"]);
        File.WriteAllText(temp["outside/victim"], "untouched");
        stores = new Stores(temp["data"]);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await stores.DisposeAsync();
        temp.Dispose();
    }

    [Fact]
    public async Task Attack14_DotDotIsRefusedWhereverItStands()
    {
        foreach (string name in (string[])["../victim", "..", "a/../../victim", "./../x", "a/..", "/../x", "a/../b"])
        {
            await RefusedAsync(new TarBuilder().File(name, "evil"), "\"..\"");
        }

        await RefusedAsync(new TarBuilder().Pax("path", "x/../../../victim").File("ok"), "\"..\"");
        await RefusedAsync(new TarBuilder().Entry('L', "long", "../../victim\0"u8.ToArray()).File("ok"), "\"..\"");
    }

    [Fact]
    public async Task Attack14_AbsoluteNamesCountFromTheLayersRoot()
    {
        string victim = temp["outside/victim"];
        ImageRecord image = await ImportAsync(new TarBuilder().Pax("path", victim).File("x", "inside"));
        Assert.Equal("inside", File.ReadAllText(temp[$"data/snapshots/layers/{image.ChainIds[0].Hex}/fs"] + victim));
        AssertOutsideUnchanged();
    }

    [Fact]
    public async Task Attack14_WritingThroughASymlinkThatLeadsOutsideIsRefused()
    {
        string outside = temp["outside"];
        foreach (string target in (string[])[outside, "../../../../../../../../../.." + outside, "/proc/self/root" + outside, "../../../../../outside", "/"])
        {
            await RefusedAsync(new TarBuilder().Symlink("link", target).File("link/victim", "evil"), "leads outside");
            await RefusedAsync(new TarBuilder().Symlink("link", target).Folder("link/folder/new"), "leads outside");
            await RefusedAsync(new TarBuilder().Symlink("a", "b").Symlink("b", target).File("a/victim", "evil"), "leads outside");
            await RefusedAsync(new TarBuilder().Symlink("link", target).HardLink("stolen", "link/victim"), "leads outside");
            await RefusedAsync(new TarBuilder().Symlink("link", target).File("link/.wh.victim"), "leads outside");
            await RefusedAsync(new TarBuilder().Symlink("link", target).File("link/.wh..wh..opq"), "leads outside");
            await RefusedAsync(new TarBuilder().Symlink("link", target).Device('3', "link/null", 1, 3), "leads outside");
        }

        await RefusedAsync(new TarBuilder().Symlink("loop", "loop").File("loop/x"), "leads outside");
    }

    [Fact]
    public async Task Attack14_SymlinksAsTheLastPartAreReplacedNotFollowed()
    {
        ImageRecord image = await ImportAsync(new TarBuilder()
            .Symlink("f", temp["outside/victim"]).File("f", "mine", 0x1FF, 1, 1)
            .Symlink("d", temp["outside/folder"]).Folder("d", 0x1FF, 1, 1)
            .Symlink("p", temp["outside/victim"]).Entry('6', "p", []));
        string fs = temp[$"data/snapshots/layers/{image.ChainIds[0].Hex}/fs"];
        Assert.Equal("mine", File.ReadAllText(fs + "/f"));
        Assert.Null(new DirectoryInfo(fs + "/d").LinkTarget);
        AssertOutsideUnchanged();
    }

    [Fact]
    public async Task Attack14_SymlinksInsideTheLayerWork()
    {
        ImageRecord image = await ImportAsync(new TarBuilder().Folder("usr/lib").Symlink("lib", "usr/lib").File("lib/x", "through"));
        Assert.Equal("through", File.ReadAllText(temp[$"data/snapshots/layers/{image.ChainIds[0].Hex}/fs/usr/lib/x"]));
    }

    [Fact]
    public async Task Attack14_HardLinksReachOnlyFilesOfTheLayer()
    {
        foreach (string target in (string[])["../../../outside/victim", temp["outside/victim"], "missing", "", "/", "folder", "x/../../y"])
        {
            await RefusedAsync(new TarBuilder().Folder("folder").HardLink("stolen", target), "is refused");
        }

        // A hard link to a symbolic link is the link itself; a file of the same name then replaces it.
        await ImportAsync(new TarBuilder().Symlink("s", temp["outside/victim"]).HardLink("h", "s").File("h", "mine"));
        AssertOutsideUnchanged();
    }

    [Fact]
    public async Task Attack15_WhiteoutTricks()
    {
        foreach (string name in (string[])[".wh.", "a/.wh.", ".wh..", ".wh...", "a/.wh...", ".wh..wh.x", ".wh..wh..opq", "./.wh..wh..opq"])
        {
            await RefusedAsync(new TarBuilder().File(name), "is refused");
        }

        await RefusedAsync(new TarBuilder().Device('3', "deleted", 0, 0), "overlay's own mark");
        await RefusedAsync(new TarBuilder().Entry('2', "./", [], "x"), "root is a folder");
        await RefusedAsync(new TarBuilder().File(".wh.x").HardLink("copy", "x"), "not a file");
    }

    [Fact]
    public async Task Attack15_OverlaysAttributesAreDropped()
    {
        ImageRecord image = await ImportAsync(new TarBuilder()
            .Pax(
                ("SCHILY.xattr.trusted.overlay.redirect", "/etc"u8.ToArray()), ("SCHILY.xattr.trusted.overlay.opaque", "y"u8.ToArray()),
                ("SCHILY.xattr.user.overlay.opaque", "y"u8.ToArray()), ("SCHILY.xattr.user.kept", "k"u8.ToArray()))
            .Folder("d"));
        using FileDescriptor folder = Paths.OpenFolder(temp[$"data/snapshots/layers/{image.ChainIds[0].Hex}/fs"]);
        foreach (string name in (string[])["trusted.overlay.redirect", "trusted.overlay.opaque", "user.overlay.opaque"])
        {
            Assert.Null(ExtendedAttributes.Get(folder, "d"u8, name));
        }

        Assert.Equal("k"u8.ToArray(), ExtendedAttributes.Get(folder, "d"u8, "user.kept"));
    }

    [Fact]
    public async Task Attack16_LimitsHold()
    {
        await RestartAsync(new TarLimits { MaxEntries = 100, MaxArchiveBytes = 4 << 20, MaxRememberedBytes = 4000, MaxFileBytes = 1 << 30 });
        TarBuilder many = new();
        TarBuilder folders = new();
        for (int i = 0; i < 101; i++)
        {
            many.File("f" + i);
            folders.Folder("a-folder-with-a-longer-name-" + i);
        }

        await RefusedAsync(many, "more than 100 entries");
        await RefusedAsync(folders, "exceed 4000 bytes");
        await RefusedAsync(new TarBuilder().File("big", new string('x', 5 << 20)), "larger than");
        await RefusedAsync(new TarBuilder().Pax("size", "-1").File("f"), "-1");
        await RefusedAsync(new TarBuilder().Pax("size", "9223372036854775807").File("f"), "9223372036854775807");
        await RefusedAsync(new TarBuilder().Pax("size", "99999999999999999999").File("f"), "not a number");
        await RefusedAsync(new TarBuilder().Pax("path", new string('n', 5000)).File("f"), "5000");
        await RefusedAsync(new TarBuilder().Pax("path", new string('n', 300)).File("f"), "too long");
        await RefusedAsync(new TarBuilder().Pax(("path", [(byte)'a', 0, (byte)'b'])).File("f"), "zero byte");
        await RefusedAsync(new TarBuilder().Entry('x', "pax", "999 path=x\n"u8.ToArray()).File("f"), "bad length");
        await RefusedAsync(new TarBuilder().Entry('x', "pax", "-5 path=x\n"u8.ToArray()).File("f"), "bad length");
        await RefusedAsync(new TarBuilder().Entry('x', "pax", new byte[2 << 20]).File("f"), "extension header");
        await RefusedAsync(new TarBuilder().Entry('0', "f", [], sizeField: [0xFF, .. Enumerable.Repeat((byte)0xFF, 11)]), "-1");
        await RefusedAsync(new TarBuilder().Entry('Z', "odd", []), "unknown type 'Z'");
        await RefusedAsync(new TarBuilder().File("f", uid: 0x1FFFFF).Pax("uid", "4294967295").File("g"), "uid 4294967295");
        await RefusedAsync(new TarBuilder().Pax("mtime", "1").Raw(new byte[1024]), "extension header");
    }

    [Fact]
    public async Task Attack16_SparseMapsThatLieAreRefused()
    {
        foreach ((string map, string realSize) in ((string, string)[])[
            ("1\n0\n99\n", "100"), ("2\n10\n5\n0\n5\n", "100"), ("1\n95\n10\n", "100"), ("99999999\n", "100"), ("x\n", "100"), ("1\n0\n10\n", "99999999999999999")])
        {
            byte[] data = new byte[522];
            Encoding.ASCII.GetBytes(map).CopyTo(data, 0);
            await RefusedAsync(
                new TarBuilder().Pax(("GNU.sparse.major", "1"u8.ToArray()), ("GNU.sparse.minor", "0"u8.ToArray()), ("GNU.sparse.realsize", Encoding.ASCII.GetBytes(realSize))).Entry('0', "f", data),
                "sparse");
        }

        await RefusedAsync(new TarBuilder().Pax("GNU.sparse.map", "0,1").File("f", "x"), "0.0 or 0.1");
    }

    [Fact]
    public async Task Attack16_AGzipBombIsStoppedByTheLimitAndLeavesNothing()
    {
        await RestartAsync(new TarLimits { MaxArchiveBytes = 32 << 20 });
        MemoryStream bomb = new();
        using (GZipStream gzip = new(bomb, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(new TarBuilder().Entry('0', "zeros", [], sizeField: "77777777777\0"u8.ToArray()).ToArray(trailer: false));
            for (int i = 0; i < 512; i++)
            {
                gzip.Write(new byte[1 << 20]);
            }
        }

        bomb.Position = 0;
        await RefusedAsync(bomb, "larger than");
    }

    [Fact]
    public async Task Attack16_VeryDeepFoldersAreMadeAndDeleted()
    {
        TarBuilder deep = new();
        deep.Pax("path", string.Join('/', Enumerable.Repeat("d", 2000))).Folder("x");
        ImageRecord image = await ImportAsync(deep);
        await stores.Images.RemoveAsync(image.Id.ToString(), false, _ => ImageUse.None, default);
        for (int i = 0; i < 500 && Directory.GetFileSystemEntries(temp["data/snapshots/trash"]).Length > 0; i++)
        {
            await Task.Delay(10);
        }

        Assert.Empty(Directory.GetFileSystemEntries(temp["data/snapshots/trash"]));
    }

    [Fact]
    public async Task Attack19_MarksAgainstDeletionDoNotKeepALayer()
    {
        ContainerId container = ContainerId.Create();
        stores.Snapshotter.Prepare(container, []);
        string upper = temp[$"data/snapshots/containers/{container}/upper"];
        File.WriteAllText(upper + "/immutable", "x");
        using (FileDescriptor folder = Paths.OpenFolder(upper))
        {
            // Through chattr, as our own code only ever clears the mark.
            using System.Diagnostics.Process chattr = System.Diagnostics.Process.Start("chattr", ["+i", upper + "/immutable", upper]);
            chattr.WaitForExit();
            Assert.Equal(0, chattr.ExitCode);
        }

        stores.Snapshotter.Remove(container);
        for (int i = 0; i < 500 && Directory.GetFileSystemEntries(temp["data/snapshots/trash"]).Length > 0; i++)
        {
            await Task.Delay(10);
        }

        Assert.Empty(Directory.GetFileSystemEntries(temp["data/snapshots/trash"]));
    }

    private async Task RestartAsync(TarLimits limits)
    {
        await stores.DisposeAsync();
        stores = new Stores(temp["data"], limits);
    }

    private Task<ImageRecord> ImportAsync(TarBuilder archive) =>
        stores.Images.ImportAsync(archive.ToStream(), new ImportOptions(null, null, null, null), default);

    private Task RefusedAsync(TarBuilder archive, string wanted) => RefusedAsync(archive.ToStream(), wanted);

    private async Task RefusedAsync(Stream archive, string wanted)
    {
        EngineException e = await Assert.ThrowsAsync<EngineException>(() => stores.Images.ImportAsync(archive, new ImportOptions(null, null, null, null), default));
        Assert.Contains(wanted, e.Message);
        Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
        Assert.Empty(stores.Leftovers());
        Assert.Empty(stores.Images.List());
        AssertOutsideUnchanged();
    }

    private void AssertOutsideUnchanged()
    {
        Assert.Equal("untouched", File.ReadAllText(temp["outside/victim"]));
        Assert.Equal(["folder", "victim"], Directory.GetFileSystemEntries(temp["outside"]).Select(Path.GetFileName).Order());
        Assert.Empty(Directory.GetFileSystemEntries(temp["outside/folder"]));
        using FileDescriptor folder = Paths.OpenFolder(temp["outside"]);
        FileStatus victim = FileStatusCalls.Stat(folder, "victim"u8);
        Assert.Equal((0u, 0u, 1u), (victim.Uid, victim.Gid, victim.Links));
        Assert.Null(ExtendedAttributes.Get(folder, "."u8, "trusted.overlay.opaque"));
    }
}
