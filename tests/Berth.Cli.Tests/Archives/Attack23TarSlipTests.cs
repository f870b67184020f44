using System.Formats.Tar;
using System.Text;
using Berth.Cli.Archives;
using Berth.Linux;

namespace Berth.Cli.Tests.Archives;

/// <summary>Archives that a hostile container or daemon could send back to <c>cp</c>: nothing outside the target may change.</summary>
public sealed class Attack23TarSlipTests : IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("berth-slip-").FullName;
    private readonly string target;
    private readonly string victim;

    public Attack23TarSlipTests()
    {
        target = Directory.CreateDirectory(Path.Combine(home, "target")).FullName;
        victim = Path.Combine(home, "victim");
        File.WriteAllText(victim, "untouched");
        File.SetLastWriteTimeUtc(victim, DateTime.UnixEpoch);
    }

    public void Dispose()
    {
        Assert.Equal("untouched", File.ReadAllText(victim));
        Assert.Equal(DateTime.UnixEpoch, File.GetLastWriteTimeUtc(victim));
        Assert.Equal(["target", "victim"], Directory.GetFileSystemEntries(home).Select(Path.GetFileName).Order());
        Directory.Delete(home, recursive: true);
    }

    [Theory]
    [InlineData("../victim")]
    [InlineData("a/../../victim")]
    [InlineData("./../victim")]
    [InlineData("..")]
    public void Attack23_two_dots_are_refused(string name) => AssertRefused(Archive(File_(name)), "leads out of its folder");

    [Fact]
    public void Attack23_an_absolute_name_stays_below_the_target()
    {
        Unpack(Archive(File_("/victim")));
        Assert.Equal("evil", File.ReadAllText(Path.Combine(target, "victim")));
    }

    [Fact]
    public void Attack23_no_write_goes_through_a_link_of_the_archive()
    {
        AssertRefused(Archive(Link("a/way", "/tmp"), File_("a/way/victim")), "refusing to write through the symbolic link");
        AssertRefused(Archive(Link("way", ".."), File_("way/victim")), "invalid symlink");
        AssertRefused(Archive(Link("way2", home + "/.."), File_("way2/victim")), "refusing to write through the symbolic link");
    }

    [Fact]
    public void Attack23_no_write_goes_through_a_link_that_was_there()
    {
        File.CreateSymbolicLink(Path.Combine(target, "way"), home);
        AssertRefused(Archive(File_("way/victim")), "refusing to write through the symbolic link");
        AssertRefused(Archive(Folder("way")), "cannot overwrite non-directory");
    }

    [Fact]
    public void Attack23_a_file_replaces_a_link_instead_of_following_it()
    {
        File.CreateSymbolicLink(Path.Combine(target, "file"), victim);
        Unpack(Archive(File_("file")));
        Assert.Null(new FileInfo(Path.Combine(target, "file")).LinkTarget);
        Assert.Equal("evil", File.ReadAllText(Path.Combine(target, "file")));
    }

    [Fact]
    public void Attack23_links_to_the_outside_are_refused()
    {
        AssertRefused(Archive(Link("x", "../victim")), "invalid symlink");
        AssertRefused(Archive(HardLink("x", "../victim")), "leads out of its folder");
        Assert.Throws<LinuxException>(() => Unpack(Archive(HardLink("x", victim))));
        File.CreateSymbolicLink(Path.Combine(target, "up"), home);
        Assert.Throws<LinuxException>(() => Unpack(Archive(HardLink("x", "up/victim"))));
        Assert.False(File.Exists(Path.Combine(target, "x")));
    }

    [Fact]
    public void Attack23_a_hard_link_to_a_link_does_not_lead_out()
    {
        // The second entry would write the victim if the first had linked what the link points to.
        File.CreateSymbolicLink(Path.Combine(target, "up"), victim);
        Unpack(Archive(HardLink("x", "up"), File_("x")));
        Assert.Equal("evil", File.ReadAllText(Path.Combine(target, "x")));
    }

    [Fact]
    public void Attack23_names_that_were_not_asked_for_are_refused()
    {
        AssertRefused(Archive(File_("other")), "was not asked for", new EntryNames("wanted", "wanted"));
        Unpack(Archive(File_("wanted")), new EntryNames("wanted", "new"));
        Assert.Equal(["new"], Directory.GetFileSystemEntries(target).Select(Path.GetFileName));
    }

    [Fact]
    public void Attack23_a_folder_is_never_replaced_by_a_file()
    {
        Directory.CreateDirectory(Path.Combine(target, "keep/me"));
        AssertRefused(Archive(File_("keep")), "cannot overwrite directory");
        AssertRefused(Archive(Link("keep", "keep2")), "cannot overwrite directory");
        Assert.True(Directory.Exists(Path.Combine(target, "keep/me")));
    }

    [Fact]
    public async Task Attack23_a_racing_link_swap_never_leads_out()
    {
        byte[] archive = Archive(Folder("d"), File_("d/victim"));
        string folder = Path.Combine(target, "d");
        using var stop = new CancellationTokenSource();
        Task swapping = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    if (Directory.Exists(folder))
                        Directory.Delete(folder, recursive: true);

                    File.CreateSymbolicLink(folder, home);
                    File.Delete(folder);
                }
                catch (IOException)
                {
                    // The other side was faster.
                }
            }
        });
        for (int i = 0; i < 2000; i++)
        {
            try
            {
                Unpack(archive);
            }
            catch (Exception exception) when (exception is LinuxException or TarException)
            {
                // Refused: as good as done in the target.
            }
        }

        await stop.CancelAsync();
        await swapping;
    }

    private static PaxTarEntry File_(string name) => new(TarEntryType.RegularFile, name) { DataStream = new MemoryStream("evil"u8.ToArray()) };

    private static PaxTarEntry Folder(string name) => new(TarEntryType.Directory, name);

    private static PaxTarEntry Link(string name, string to) => new(TarEntryType.SymbolicLink, name) { LinkName = to };

    private static PaxTarEntry HardLink(string name, string to) => new(TarEntryType.HardLink, name) { LinkName = to };

    private static byte[] Archive(params PaxTarEntry[] entries)
    {
        using var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, leaveOpen: true))
        {
            foreach (PaxTarEntry entry in entries)
                writer.WriteEntry(entry);
        }

        return stream.ToArray();
    }

    private void AssertRefused(byte[] archive, string because, EntryNames? names = null) =>
        Assert.Contains(because, Assert.Throws<TarException>(() => Unpack(archive, names)).Message, StringComparison.Ordinal);

    private void Unpack(byte[] archive, EntryNames? names = null)
    {
        using var unpacker = new FolderUnpacker(target, names ?? new EntryNames(null, null));
        unpacker.Unpack(new TarInput(new MemoryStream(archive).Read));
    }
}
