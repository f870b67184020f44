using System.Diagnostics;
using System.Formats.Tar;
using System.Text;
using Berth.Cli.Archives;
using Berth.Linux;
using Berth.Linux.Files;
using TarEntry = Berth.Cli.Archives.TarEntry;

namespace Berth.Cli.Tests.Archives;

/// <summary>The reader and the writer of tar archives, each beside another implementation.</summary>
public sealed class TarTests : IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("berth-tar-").FullName;

    public void Dispose() => Directory.Delete(home, recursive: true);

    [Fact]
    public void A_tree_comes_back_as_it_was()
    {
        string source = Directory.CreateDirectory(Path.Combine(home, "source")).FullName;
        Directory.CreateDirectory(Path.Combine(source, "sub/empty"));
        File.WriteAllText(Path.Combine(source, "a file"), "content");
        File.WriteAllBytes(Path.Combine(source, "sub/big"), [.. Enumerable.Range(0, 700_000).Select(i => (byte)i)]);
        File.SetUnixFileMode(Path.Combine(source, "a file"), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.SetUser);
        File.SetUnixFileMode(Path.Combine(source, "sub/empty"), UnixFileMode.UserRead | UnixFileMode.UserExecute);
        File.CreateSymbolicLink(Path.Combine(source, "link"), "sub/big");
        string longName = new('x', 160);
        Directory.CreateDirectory(Path.Combine(source, longName));
        File.WriteAllText(Path.Combine(source, longName, longName + "é"), "deep");
        foreach (string path in (string[])["a file", "sub/big", "sub/empty"])
            File.SetLastWriteTimeUtc(Path.Combine(source, path), DateTime.UnixEpoch.AddSeconds(1_000_000_000));

        byte[] archive = Pack(source, "source");
        string target = Directory.CreateDirectory(Path.Combine(home, "target")).FullName;
        using (var unpacker = new FolderUnpacker(target, new EntryNames("source", "source")))
            unpacker.Unpack(new TarInput(new MemoryStream(archive).Read));

        Assert.Equal(Describe(source), Describe(Path.Combine(target, "source")));
    }

    [Fact]
    public void Other_readers_understand_what_is_written()
    {
        string source = Directory.CreateDirectory(Path.Combine(home, "s")).FullName;
        File.WriteAllText(Path.Combine(source, "f"), "12345");
        Run("ln", source + "/f", source + "/h");
        Run("mkfifo", source + "/p");
        File.CreateSymbolicLink(Path.Combine(source, "l"), new string('t', 120));
        using var reader = new TarReader(new MemoryStream(Pack(source + "/.", "new")));
        var found = new List<string>();
        while (reader.GetNextEntry() is { } entry)
            found.Add($"{entry.EntryType} {entry.Name} {entry.LinkName} {entry.Length}");

        Assert.Equal(
            ["Directory new/  0", "RegularFile new/f  5", "HardLink new/h new/f 0", $"SymbolicLink new/l {new string('t', 120)} 0", "Fifo new/p  0"], found);
    }

    [Fact]
    public void A_file_that_grows_is_packed_as_it_was_measured_and_one_that_shrinks_is_not()
    {
        string file = Path.Combine(home, "grows");
        File.WriteAllText(file, new string('a', 1000));
        FolderPacker.MeasuredFile measured = FolderPacker.Measure(file, "grows")!;
        File.AppendAllText(file, new string('b', 100_000));
        using var archive = new MemoryStream();
        new FolderPacker(new TarOutput(archive), measured).Pack(file, "grows");
        Assert.Equal(measured.ArchiveLength, archive.Length);
        archive.Position = 0;
        using var reader = new TarReader(archive);
        using var content = new StreamReader(reader.GetNextEntry()!.DataStream!);
        Assert.Equal(new string('a', 1000), content.ReadToEnd());
        File.WriteAllText(file, "a");
        TarException failure = Assert.Throws<TarException>(() => new FolderPacker(new TarOutput(Stream.Null), measured).Pack(file, "grows"));
        Assert.Contains("became shorter", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--format=gnu")]
    [InlineData("--format=pax")]
    [InlineData("--format=ustar")]
    [InlineData("--format=v7")]
    public void Archives_of_tar_are_read(string format)
    {
        string source = Directory.CreateDirectory(Path.Combine(home, "s")).FullName;
        string name = format is "--format=gnu" or "--format=pax" ? new string('n', 220) : new string('n', 90);
        File.WriteAllText(Path.Combine(source, name), "content");
        string archive = Path.Combine(home, "a.tar");
        Run("tar", format, "-C", home, "-cf", archive, "s");
        using FileStream stream = File.OpenRead(archive);
        var input = new TarInput(stream.Read);
        Assert.Equal("s/", Encoding.UTF8.GetString(input.Next()!.Name));
        TarEntry file = input.Next()!;
        Assert.Equal(("s/" + name, 7, TarKind.File), (Encoding.UTF8.GetString(file.Name), file.Size, file.Kind));
        Assert.Equal("content", Encoding.UTF8.GetString(input.ReadContent()));
        Assert.Null(input.Next());
    }

    [Fact]
    public void Damaged_archives_are_refused()
    {
        string source = Path.Combine(home, "f");
        File.WriteAllText(source, new string('c', 5000));
        byte[] archive = Pack(source, "f");
        Assert.Contains("cut short", Read(archive[..2000]).Message, StringComparison.Ordinal);
        Assert.Contains("cut short", Read(archive[..100]).Message, StringComparison.Ordinal);
        archive[0] ^= 1;
        Assert.Contains("checksum", Read(archive).Message, StringComparison.Ordinal);
        Assert.Contains("checksum", Read([.. Enumerable.Repeat((byte)'x', 1024)]).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("8 path=a\n")]
    [InlineData("99 path=a\n")]
    [InlineData("x path=a\n")]
    [InlineData("10 path=aa")]
    [InlineData("12 size=-5a\n")]
    [InlineData("11 size=-5\n")]
    public void Damaged_extended_headers_are_refused(string records)
    {
        using var stream = new MemoryStream();
        var output = new TarOutput(stream);
        output.Begin(new TarEntry { Name = "x"u8.ToArray(), Kind = (TarKind)(byte)'x', Size = records.Length });
        output.Write(Encoding.UTF8.GetBytes(records));
        output.Begin(new TarEntry { Name = "f"u8.ToArray() });
        output.End();
        Read(stream.ToArray());
    }

    [Fact]
    public void Zeros_become_holes()
    {
        string folder = Directory.CreateTempSubdirectory("tar-").FullName;
        try
        {
            byte[] content = new byte[3_000_001];
            content[0] = content[1_500_000] = 1; // and zeros at the end
            string file = Path.Combine(folder, "file"), copy = Path.Combine(folder, "copy");
            File.WriteAllBytes(file, content);
            using (var unpacker = new FolderUnpacker(folder, new EntryNames("file", "copy")))
                unpacker.Unpack(new TarInput(new MemoryStream(Pack(file, "file")).Read));

            Assert.Equal(content, File.ReadAllBytes(copy));
            using FileDescriptor parent = Paths.OpenFolder(folder);
            Assert.InRange(FileDetailsCalls.TryGet(parent, "copy"u8, out FileDetails details) ? details.AllocatedBytes : -1, 0, 1_000_000);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(0, "f")]
    [InlineData(1, "f")]
    [InlineData(512, "\u00e4")]
    [InlineData(1_000_000, "a name that fits no header, as it has more than a hundred bytes, and no slash at which it could be cut in two parts")]
    public void The_length_of_a_files_archive_is_known_before(int size, string name)
    {
        string folder = Directory.CreateTempSubdirectory("tar-").FullName;
        try
        {
            string file = Path.Combine(folder, "file");
            File.WriteAllBytes(file, new byte[size]);
            FolderPacker.MeasuredFile measured = FolderPacker.Measure(file, name)!;
            Assert.Equal(Pack(file, name).Length, measured.ArchiveLength);
            Assert.Null(FolderPacker.Measure(folder, name));
            File.WriteAllBytes(file, new byte[size + 600]);
            using var stream = new MemoryStream();
            new FolderPacker(new TarOutput(stream), measured).Pack(file, name);
            Assert.Equal(measured.ArchiveLength, stream.Length);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static TarException Read(byte[] archive) => Assert.Throws<TarException>(() =>
    {
        var input = new TarInput(new MemoryStream(archive).Read);
        while (input.Next() is not null)
        {
            while (!input.ReadContent().IsEmpty)
            {
                // To its end.
            }
        }
    });

    private static byte[] Pack(string path, string name)
    {
        using var stream = new MemoryStream();
        new FolderPacker(new TarOutput(stream)).Pack(path, name);
        return stream.ToArray();
    }

    private static string[] Describe(string folder) =>
    [
        .. Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(path =>
        {
            var info = new FileInfo(path);
            string content = info.LinkTarget ?? (Directory.Exists(path) ? "folder" : Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path))));
            return $"{Path.GetRelativePath(folder, path)} {info.UnixFileMode} {content} {(info.LinkTarget is null ? new DateTimeOffset(info.LastWriteTimeUtc).ToUnixTimeSeconds() : 0)}";
        }),
    ];

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
