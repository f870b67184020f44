using System.Diagnostics;
using System.Text;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Tests.Support;

namespace Berth.Storage.Tests.Layers;

public sealed class TarWriterTests
{
    [Fact]
    public void WhatIsWrittenIsReadBackTheSame()
    {
        string prefix = new('p', 150);
        List<TarEntry> entries =
        [
            Entry("plain", TarEntryType.File),
            Entry(new string('n', 100), TarEntryType.File),
            Entry(new string('n', 101), TarEntryType.File),
            Entry(prefix + "/" + new string('n', 100), TarEntryType.File),
            Entry(prefix + "/" + new string('n', 99), TarEntryType.Folder),
            Entry(prefix + "/" + new string('n', 100), TarEntryType.Folder),
            Entry(new string('d', 200) + "/x", TarEntryType.File),
            Entry(string.Join('/', Enumerable.Repeat("deep", 300)), TarEntryType.Folder),
            Entry("ümläut/ß", TarEntryType.File),
            Entry("link", TarEntryType.Symlink, target: "../a"),
            Entry("long link", TarEntryType.Symlink, target: new string('t', 3000)),
            Entry("hard", TarEntryType.HardLink, target: "plain"),
            Entry("char", TarEntryType.CharacterDevice, major: 0xFFF, minor: 0xFFFFF),
            Entry("block", TarEntryType.BlockDevice, major: 8, minor: 1),
            Entry("fifo", TarEntryType.Fifo),
        ];
        entries.Add(new TarEntry { Type = TarEntryType.File, Name = "ids"u8.ToArray(), Mode = 0xFFF, Uid = 4_000_000_000, Gid = 2_097_152, MtimeSeconds = -2, MtimeNanoseconds = 750_000_000 });
        entries.Add(new TarEntry { Type = TarEntryType.File, Name = "before"u8.ToArray(), MtimeSeconds = -1, MtimeNanoseconds = 250_000_000 });
        entries.Add(new TarEntry { Type = TarEntryType.File, Name = "early"u8.ToArray(), MtimeSeconds = -86400 });
        entries.Add(new TarEntry { Type = TarEntryType.File, Name = "late"u8.ToArray(), MtimeSeconds = 1L << 34, MtimeNanoseconds = 1 });
        entries.Add(new TarEntry { Type = TarEntryType.File, Name = "raw"u8.ToArray(), Xattrs = [new("security.capability", [1, 0, 0, 2, 0, (byte)'\n', (byte)'=', 255]), new("user.empty", []), new("user.ü", "x"u8.ToArray())] });
        entries.Add(new TarEntry { Type = TarEntryType.File, Name = [0xFF, 0xFE, (byte)'x'] });
        TarReader reader = new(new MemoryStream(Write(entries)), new TarLimits());
        foreach (TarEntry wanted in entries)
        {
            TarEntry got = reader.Next()!;
            Assert.Equal(wanted.Type == TarEntryType.Folder ? [.. wanted.Name, (byte)'/'] : wanted.Name, got.Name);
            Assert.Equal(
                (wanted.Type, wanted.Mode, wanted.Uid, wanted.Gid, wanted.MtimeSeconds, wanted.MtimeNanoseconds, wanted.DeviceMajor, wanted.DeviceMinor),
                (got.Type, got.Mode, got.Uid, got.Gid, got.MtimeSeconds, got.MtimeNanoseconds, got.DeviceMajor, got.DeviceMinor));
            Assert.Equal(wanted.LinkTarget, got.LinkTarget);
            Assert.Equal(wanted.Xattrs.OrderBy(x => x.Key, StringComparer.Ordinal).Select(x => (x.Key, Convert.ToHexString(x.Value))), got.Xattrs.OrderBy(x => x.Key, StringComparer.Ordinal).Select(x => (x.Key, Convert.ToHexString(x.Value))));
        }

        Assert.Null(reader.Next());
    }

    [Fact]
    public void GnuTarReadsIt()
    {
        using TempFolder temp = new();
        File.WriteAllBytes(temp["t.tar"], Write(
        [
            Entry(new string('d', 200) + "/x", TarEntryType.File),
            new TarEntry { Type = TarEntryType.File, Name = "f"u8.ToArray(), Mode = 0x1ED, Uid = 3_000_000, Gid = 5, MtimeSeconds = 1_000_000_000, MtimeNanoseconds = 5 },
            Entry("s", TarEntryType.Symlink, target: "f"),
        ]));
        ProcessStartInfo start = new("tar", ["--full-time", "--utc", "--numeric-owner", "-tvf", temp["t.tar"]]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process tar = Process.Start(start)!;
        string[] lines = tar.StandardOutput.ReadToEnd().Split('\n');
        Assert.Equal("", tar.StandardError.ReadToEnd());
        tar.WaitForExit();
        Assert.Equal(0, tar.ExitCode);
        Assert.EndsWith(new string('d', 200) + "/x", lines[0]);
        Assert.Matches(@"^-rwxr-xr-x 3000000/5 +0 2001-09-09 01:46:40\.000000005 f$", lines[1]);
        Assert.EndsWith("s -> f", lines[2]);
    }

    [Fact]
    public void DataHasToFitItsEntry()
    {
        TarWriter writer = new(new MemoryStream());
        writer.WriteEntry(new TarEntry { Type = TarEntryType.File, Name = "f"u8.ToArray(), Size = 3 });
        Assert.Throws<InvalidOperationException>(() => writer.Write("four"u8));
        writer.Write("th"u8);
        Assert.Throws<InvalidOperationException>(writer.Finish);
        writer.WriteZeros(1);
        writer.Finish();
    }

    private static TarEntry Entry(string name, TarEntryType type, string target = "", uint major = 0, uint minor = 0) => new()
    {
        Type = type,
        Name = Encoding.UTF8.GetBytes(name),
        LinkTarget = Encoding.UTF8.GetBytes(target),
        Mode = 0x1A4,
        MtimeSeconds = 1_000_000_000,
        DeviceMajor = major,
        DeviceMinor = minor,
    };

    private static byte[] Write(IEnumerable<TarEntry> entries)
    {
        using MemoryStream output = new();
        TarWriter writer = new(output);
        foreach (TarEntry entry in entries)
        {
            writer.WriteEntry(entry);
        }

        writer.Finish();
        return output.ToArray();
    }
}
