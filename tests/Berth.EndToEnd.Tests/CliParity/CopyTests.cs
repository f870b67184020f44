using System.Formats.Tar;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.CliParity;

/// <summary><c>berth cp</c> with a running container.</summary>
public sealed class CopyTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>, IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("be-cp-").FullName;

    public void Dispose() => Directory.Delete(home, recursive: true);

    [Fact]
    public async Task A_tree_goes_in_and_comes_out_as_it_was()
    {
        string name = await StartAsync("sleep 1000");
        Directory.CreateDirectory(Path.Combine(home, "tree/sub"));
        File.WriteAllText(Path.Combine(home, "tree/sub/file"), "content");
        File.WriteAllBytes(Path.Combine(home, "tree/big"), new byte[3_000_000]);
        File.CreateSymbolicLink(Path.Combine(home, "tree/link"), "sub/file");
        (await fixture.Berth.RunAsync("cp", Path.Combine(home, "tree"), name + ":/tmp/")).Expect();
        Assert.Equal("content", (await fixture.Berth.RunAsync("exec", name, "cat", "/tmp/tree/link")).Expect().Output);
        (await fixture.Berth.RunAsync("cp", name + ":/tmp/tree", Path.Combine(home, "back"))).Expect();
        Assert.Equal("content", File.ReadAllText(Path.Combine(home, "back/link")));
        Assert.Equal("sub/file", new FileInfo(Path.Combine(home, "back/link")).LinkTarget);
        Assert.Equal(3_000_000, new FileInfo(Path.Combine(home, "back/big")).Length);
    }

    [Fact]
    public async Task A_file_replaces_a_file_and_keeps_a_folder()
    {
        string name = await StartAsync("echo inside >/tmp/f; mkdir /tmp/d; sleep 1000");
        File.WriteAllText(Path.Combine(home, "f"), "outside");
        await Poll.UntilAsync(async () => (await fixture.Berth.RunAsync("cp", name + ":/tmp/d", Path.Combine(home, "d"))).ExitCode == 0, "/tmp/d");
        (await fixture.Berth.RunAsync("cp", name + ":/tmp/f", Path.Combine(home, "f"))).Expect();
        Assert.Equal("inside\n", File.ReadAllText(Path.Combine(home, "f")));
        Assert.Contains("cannot copy directory", (await fixture.Berth.RunAsync("cp", name + ":/tmp/d", Path.Combine(home, "f"))).Expect(1).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Archives_pass_through_stdin_and_stdout()
    {
        string name = await StartAsync("sleep 1000");
        using var archive = new MemoryStream();
        using (var writer = new TarWriter(archive, leaveOpen: true))
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "piped") { DataStream = new MemoryStream("through"u8.ToArray()) });

        (await fixture.Berth.RunAsync(["cp", "-", name + ":/tmp"], archive.ToArray())).Expect();
        CommandResult result = (await fixture.Berth.RunAsync("cp", name + ":/tmp/piped", "-")).Expect();
        using var reader = new TarReader(new MemoryStream(result.OutputBytes));
        TarEntry entry = reader.GetNextEntry()!;
        Assert.Equal(("piped", 7), (entry.Name, entry.Length));
    }

    /// <summary>The container swaps a folder for a link to the host's root while it is copied in and out.</summary>
    [Fact]
    public async Task Attack23_a_container_that_swaps_paths_changes_nothing_outside()
    {
        string name = await StartAsync("cd /tmp; mkdir d; echo x >d/file; while :; do mv d e; ln -s / d; rm d; mv e d; done");
        string canary = "/file-" + Guid.NewGuid().ToString("N");
        File.WriteAllText(Path.Combine(home, Path.GetFileName(canary)), "from outside");
        for (int i = 0; i < 20; i++)
        {
            await fixture.Berth.RunAsync("cp", Path.Combine(home, Path.GetFileName(canary)), name + ":/tmp/d/");
            await fixture.Berth.RunAsync("cp", name + ":/tmp/d", Path.Combine(home, "out"));
            Assert.False(File.Exists(canary), "the host's root was written");
        }

        Assert.Null(new DirectoryInfo(home).GetFileSystemInfos().FirstOrDefault(entry => entry.Name is not "out" && entry.Name != Path.GetFileName(canary)));
    }

    private async Task<string> StartAsync(string script)
    {
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "-d", "--name", name, "--network", "none", "busybox", "sh", "-c", script)).Expect();
        return name;
    }
}
