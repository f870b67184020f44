using System.Formats.Tar;
using System.Text;
using Berth.Cli.Archives;
using Berth.Cli.Remote;

namespace Berth.Cli.Tests.Builds;

public sealed class ContextTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-context-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("git://h/r.git", "git://h/r.git", "", "")]
    [InlineData("git@h:r#main", "git@h:r", "main", "")]
    [InlineData("github.com/a/b#:sub/folder", "https://github.com/a/b", "", "sub/folder")]
    [InlineData("https://h/r.git#v1:x:y", "https://h/r.git", "v1", "x:y")]
    [InlineData("ssh://git@h/r#1", "ssh://git@h/r", "1", "")]
    public void Addresses_of_repositories_are_read(string text, string remote, string wanted, string part) => Assert.Equal(new GitAddress(remote, wanted, part), GitAddress.TryParse(text));

    [Theory]
    [InlineData("https://h/r.tar")]
    [InlineData("https://h/r.git.tar#x")]
    [InlineData("folder.git")]
    [InlineData("-")]
    public void Other_addresses_are_none(string text) => Assert.Null(GitAddress.TryParse(text));

    [Theory]
    [InlineData("FROM scratch\n", false)]
    [InlineData("", false)]
    [InlineData("\u001f", false)]
    [InlineData("BZh9", true)]
    public void Archives_are_known_by_their_beginning(string head, bool isArchive) => Assert.Equal(isArchive, ArchiveHead.IsArchive(Encoding.UTF8.GetBytes(head)));

    [Fact]
    public void A_head_of_a_tar_is_known_by_its_sum()
    {
        using var archive = new MemoryStream();
        ContextArchive.OfDockerfile("FROM scratch"u8.ToArray()).Write(archive);
        byte[] bytes = archive.ToArray();
        Assert.True(ArchiveHead.IsArchive(bytes.AsSpan(0, 512)));
        bytes[0]++;
        Assert.False(ArchiveHead.IsArchive(bytes.AsSpan(0, 512)));
    }

    [Fact]
    public void Files_are_nobodys_and_keep_the_rest()
    {
        string path = Path.Combine(folder, "file");
        File.WriteAllText(path, "content");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.SetGroup);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch.AddSeconds(1234.5));
        File.CreateSymbolicLink(Path.Combine(folder, "to"), "../anywhere");
        File.WriteAllText(Path.Combine(folder, "Dockerfile"), "");
        Directory.CreateDirectory(Path.Combine(folder, "empty"));

        List<System.Formats.Tar.TarEntry> entries = Pack("", null);
        Assert.Equal(["Dockerfile", "empty/", "file", "to"], entries.Select(static entry => entry.Name));
        System.Formats.Tar.TarEntry file = entries[2];
        Assert.Equal((0, 0, UnixFileMode.UserRead | UnixFileMode.SetGroup, 1234L), (file.Uid, file.Gid, file.Mode, file.ModificationTime.ToUnixTimeSeconds()));
        Assert.Equal((TarEntryType.SymbolicLink, "../anywhere"), (entries[3].EntryType, entries[3].LinkName));
    }

    [Fact]
    public void Dockerfiles_from_elsewhere_are_kept_out_of_the_image()
    {
        File.WriteAllText(Path.Combine(folder, ".dockerignore"), "gone");
        File.WriteAllText(Path.Combine(folder, "gone"), "");
        File.WriteAllText(Path.Combine(folder, "here"), "");
        List<System.Formats.Tar.TarEntry> entries = Pack(null, "FROM scratch"u8.ToArray());
        Assert.Equal(3, entries.Count);
        Assert.Equal("here", entries[0].Name);
        Assert.Matches("^\\.dockerfile\\.[0-9a-f]{20}$", entries[1].Name);
        Assert.Equal((".dockerignore", $"gone\n{entries[1].Name}\n"), (entries[2].Name, Text(entries[2])));
    }

    [Fact]
    public void The_default_Dockerfile_may_be_in_small_letters()
    {
        File.WriteAllText(Path.Combine(folder, "dockerfile"), "");
        Assert.Equal("dockerfile", ContextFolder.Resolve(folder, "", "/").Dockerfile);
        Directory.CreateDirectory(Path.Combine(folder, "sub"));
        Assert.Equal("../dockerfile", ContextFolder.Resolve(Path.Combine(folder, "sub"), "dockerfile", folder).Dockerfile);
    }

    private List<System.Formats.Tar.TarEntry> Pack(string? dockerfile, byte[]? added)
    {
        var archive = new MemoryStream();
        ContextArchive.OfFolder(ContextFolder.Resolve(folder, dockerfile, folder), added).Write(archive);
        archive.Position = 0;
        var reader = new TarReader(archive);
        List<System.Formats.Tar.TarEntry> entries = [];
        while (reader.GetNextEntry(copyData: true) is { } entry)
        {
            entries.Add(entry);
        }

        return entries;
    }

    private static string Text(System.Formats.Tar.TarEntry entry)
    {
        using var reader = new StreamReader(entry.DataStream ?? Stream.Null);
        return reader.ReadToEnd();
    }
}
