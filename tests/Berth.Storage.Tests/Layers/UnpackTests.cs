using System.Buffers.Binary;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Layers;

/// <summary>What an archive says is what is on the disk.</summary>
public sealed class UnpackTests : IDisposable
{
    private readonly TempFolder temp = new();
    private FileDescriptor? folder;

    public void Dispose()
    {
        folder?.Dispose();
        temp.Dispose();
    }

    [Fact]
    public void OwnersModesAndTimesArriveExactly()
    {
        Unpack(new TarBuilder()
            .Folder("./", 0x3FF, 12, 13, 5)
            .Folder("d/", 0x1C0, 7, 8, 1234)
            .Pax("mtime", "1700000000.123456789")
            .File("d/setuid", "x", 0x9ED, 1000, 2000)
            .Pax("mtime", "-1.25")
            .File("d/old"));
        FileStatus root = FileStatusCalls.Stat(folder!);
        Assert.Equal((0x3FFu, 12u, 13u, 5L), (root.Mode & 0xFFF, root.Uid, root.Gid, root.MtimeSeconds));
        FileStatus d = Stat("d");
        Assert.Equal((0x1C0u, 7u, 8u, 1234L), (d.Mode & 0xFFF, d.Uid, d.Gid, d.MtimeSeconds));
        FileStatus setuid = Stat("d/setuid");
        Assert.Equal((0x9EDu, 1000u, 2000u, 1_700_000_000L, 123_456_789u), (setuid.Mode & 0xFFF, setuid.Uid, setuid.Gid, setuid.MtimeSeconds, setuid.MtimeNanoseconds));
        Assert.Equal((-2L, 750_000_000u), (Stat("d/old").MtimeSeconds, Stat("d/old").MtimeNanoseconds));
    }

    [Fact]
    public void ExtendedAttributesAreBinarySafe()
    {
        // A version 2 capability structure: cap_net_raw, permitted and effective; full of zeros and a newline.
        byte[] capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        byte[] binary = [0, (byte)'\n', (byte)'=', 0xFF, 0, 1];
        Unpack(new TarBuilder()
            .Pax(("SCHILY.xattr.security.capability", capability), ("SCHILY.xattr.user.binary", binary))
            .File("ping", "x", uid: 5));
        Assert.Equal(capability, ExtendedAttributes.Get(folder!, "ping"u8, "security.capability"));
        Assert.Equal(binary, ExtendedAttributes.Get(folder!, "ping"u8, "user.binary"));
    }

    [Fact]
    public void LinksDevicesAndPipes()
    {
        long size = Unpack(new TarBuilder()
            .File("a/file", "hello")
            .HardLink("b/hard", "a/file")
            .HardLink("b/hard-absolute", "/a/file")
            .Symlink("b/soft", "../a/file")
            .Symlink("b/anywhere", "/etc/passwd")
            .Device('3', "null", 1, 3)
            .Device('4', "disk", 259, 70000)
            .Entry('6', "pipe", []));
        Assert.Equal(Stat("a/file").Inode, Stat("b/hard").Inode);
        Assert.Equal(3u, Stat("b/hard-absolute").Links);
        Assert.Equal("../a/file"u8.ToArray(), Paths.ReadLink(folder!, "b/soft"u8));
        Assert.Equal((FileTypes.S_IFCHR, 1u, 3u), (Stat("null").Type, Stat("null").DeviceMajor, Stat("null").DeviceMinor));
        Assert.Equal((FileTypes.S_IFBLK, 259u, 70000u), (Stat("disk").Type, Stat("disk").DeviceMajor, Stat("disk").DeviceMinor));
        Assert.Equal(FileTypes.S_IFIFO, Stat("pipe").Type);
        Assert.Equal(5 + 9 + 11, size);
    }

    [Fact]
    public void LaterEntriesReplaceEarlierOnes()
    {
        long size = Unpack(new TarBuilder()
            .File("f", "first").File("f", "second!")
            .Folder("d").File("d/x", "123").Symlink("d", "f")
            .File("g", "1").Folder("g").File("g/in", "22")
            .Folder("keep", 0x1C0).File("keep/x", "1").Folder("keep", 0x1ED));
        Assert.Equal("second!", Read("f"));
        Assert.Equal(FileTypes.S_IFLNK, Stat("d").Type);
        Assert.Equal("22", Read("g/in"));
        Assert.Equal("1", Read("keep/x"));
        Assert.Equal(0x1EDu, Stat("keep").Mode & 0xFFF);
        Assert.Equal(7 + 1 + 2 + 1, size);
    }

    [Fact]
    public void LongNamesInEveryDialect()
    {
        string pax = new string('p', 120) + "/" + new string('q', 200);
        string gnu = new string('g', 110) + "/" + new string('h', 150);
        string latin = "caf";
        Unpack(new TarBuilder()
            .Pax("path", pax).File("short", "pax")
            .Entry('L', "././@LongLink", Encoding.UTF8.GetBytes(gnu + "\0")).File("short", "gnu")
            .Entry('K', "././@LongLink", Encoding.UTF8.GetBytes(gnu + "\0")).Symlink("link", "short")
            .Entry('0', "name", "x"u8.ToArray(), change: h => "pre/fix"u8.CopyTo(h.AsSpan(345)))
            .Entry('0', latin, "x"u8.ToArray(), change: h => h[3] = 0xE9));
        Assert.Equal("pax", Read(pax));
        Assert.Equal("gnu", Read(gnu));
        Assert.Equal(Encoding.UTF8.GetBytes(gnu), Paths.ReadLink(folder!, "link"u8));
        Assert.Equal("x", Read("pre/fix/name"));
        Assert.True(FileStatusCalls.TryStat(folder!, [(byte)'c', (byte)'a', (byte)'f', 0xE9], out _));
    }

    [Fact]
    public void NumbersInBase256AndGlobalHeaders()
    {
        byte[] size = new byte[12];
        size[0] = 0x80;
        BinaryPrimitives.WriteInt64BigEndian(size.AsSpan(4), 5);
        Unpack(new TarBuilder()
            .Entry('0', "big", "12345"u8.ToArray(), sizeField: size, change: h =>
            {
                h.AsSpan(108, 8).Clear();
                h[108] = 0x80;
                BinaryPrimitives.WriteInt32BigEndian(h.AsSpan(112), 3_000_000);
            })
            .Pax('g', ("mtime", "42"u8.ToArray()))
            .File("one").File("two"));
        Assert.Equal("12345", Read("big"));
        Assert.Equal(3_000_000u, Stat("big").Uid);
        Assert.Equal((42L, 42L), (Stat("one").MtimeSeconds, Stat("two").MtimeSeconds));
    }

    [Fact]
    public void SparseFilesOfGnuTarInBothFormats()
    {
        using (FileStream sparse = File.Create(temp["sparse"]))
        {
            foreach (int i in Enumerable.Range(0, 40))
            {
                sparse.Position = i * 100_000L;
                sparse.Write(Encoding.ASCII.GetBytes("block " + i));
            }

            sparse.SetLength(10_000_000);
        }

        byte[] wanted = File.ReadAllBytes(temp["sparse"]);
        foreach (string format in (string[])["gnu", "pax"])
        {
            RunTar("-S", "--format=" + format, "-cf", temp[format + ".tar"], "-C", temp.Path, "sparse");
            Open("out-" + format);
            using LayerUnpacker unpacker = new(folder!, new TarLimits());
            using FileStream archive = File.OpenRead(temp[format + ".tar"]);
            Assert.True(archive.Length < 1_000_000);
            Assert.Equal(10_000_000, unpacker.Unpack(archive));
            Assert.Equal(wanted, File.ReadAllBytes(temp[$"out-{format}/sparse"]));
        }
    }

    [Fact]
    public void WhiteoutsBecomeOverlaysOwnMarks()
    {
        Unpack(new TarBuilder()
            .File("d/.wh.gone")
            .Folder("opaque").File("opaque/.wh..wh..opq").File("opaque/new", "n")
            .Folder("again").File("again/x", "x").File(".wh.again")
            .File(".wh.later").Folder("later").File("later/y", "y")
            .File(".wh.implied").File("implied/z", "z")
            .File(".wh..wh.plnk/1.2").File(".wh..wh.aufs"));
        Assert.Equal((FileTypes.S_IFCHR, 0u, 0u), (Stat("d/gone").Type, Stat("d/gone").DeviceMajor, Stat("d/gone").DeviceMinor));
        foreach (string opaque in (string[])["opaque", "again", "later", "implied"])
        {
            Assert.Equal("y"u8.ToArray(), ExtendedAttributes.Get(folder!, Encoding.UTF8.GetBytes(opaque), "trusted.overlay.opaque"));
        }

        Assert.Equal("nxyz", Read("opaque/new") + Read("again/x") + Read("later/y") + Read("implied/z"));
        Assert.Equal(["again", "d", "implied", "later", "opaque"], Directory.GetFileSystemEntries(temp["layer"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void GnuTarAndThisReaderAgreeOnARealTree()
    {
        RunTar("--format=pax", "-cf", temp["real.tar"], "-C", "/etc", ".");
        Open("real");
        using (LayerUnpacker unpacker = new(folder!, new TarLimits()))
        using (FileStream archive = File.OpenRead(temp["real.tar"]))
        {
            unpacker.Unpack(archive);
        }

        RunTar("-df", temp["real.tar"], "-C", temp["real"]);
    }

    [Fact]
    public void TruncatedAtAnyPlaceIsAnError()
    {
        byte[] whole = new TarBuilder().Folder("d").Pax("mtime", "1.5").File("d/f", new string('x', 700)).File("g", "1").ToArray(trailer: false);
        for (int length = 1; length <= whole.Length; length += length % 512 is 0 or 511 ? 1 : 73)
        {
            Open("cut" + length);
            using LayerUnpacker unpacker = new(folder!, new TarLimits());
            EngineException e = Assert.Throws<EngineException>(() => unpacker.Unpack(new MemoryStream(whole[..length])));
            Assert.Equal(ErrorKind.InvalidArgument, e.Kind);
            Assert.Contains("unexpected EOF", e.Message);
        }

        Open("verified");
        using LayerUnpacker lenient = new(folder!, new TarLimits { RequireTrailer = false });
        lenient.Unpack(new MemoryStream(whole));
        Assert.True(File.Exists(temp["verified/g"]));

        Open("unfilled");
        using LayerUnpacker more = new(folder!, new TarLimits { RequireTrailer = false });
        more.Unpack(new MemoryStream(whole[..^511])); // as docker's client ends a context to which it adds a Dockerfile
        Assert.True(File.Exists(temp["unfilled/g"]));
    }

    [Fact]
    public void AnEmptyStreamIsAnEmptyArchiveAsForDocker() => Assert.Equal(0, Unpack(new TarBuilder(), trailer: false));

    [Fact]
    public void SomethingElseIsNoTar()
    {
        EngineException e = Assert.Throws<EngineException>(() => Unpack(new TarBuilder().Raw(Encoding.ASCII.GetBytes(new string('z', 2000)))));
        Assert.Contains("not a tar archive", e.Message);
    }

    private static void RunTar(params string[] arguments)
    {
        using System.Diagnostics.Process tar = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("tar", arguments) { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = tar.StandardOutput.ReadToEnd() + tar.StandardError.ReadToEnd();
        tar.WaitForExit();
        Assert.True(tar.ExitCode == 0, output);
    }

    private void Open(string name)
    {
        folder?.Dispose();
        Directory.CreateDirectory(temp[name]);
        folder = Paths.OpenFolder(temp[name]);
    }

    private long Unpack(TarBuilder archive, bool trailer = true)
    {
        Open("layer");
        using LayerUnpacker unpacker = new(folder!, new TarLimits());
        return unpacker.Unpack(new MemoryStream(archive.ToArray(trailer)));
    }

    private FileStatus Stat(string path) => FileStatusCalls.Stat(folder!, Encoding.UTF8.GetBytes(path));

    private string Read(string path) => File.ReadAllText(temp["layer/" + path]);
}
