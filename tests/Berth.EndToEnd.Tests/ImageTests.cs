using System.Formats.Tar;
using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Images from archives: made, named, listed, removed; and what layers may hold.</summary>
public sealed class ImageTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task ImportTagListRemove(string client)
    {
        Cli cli = fixture.Client(client);
        string name = "img-" + client;
        CommandResult import = (await cli.RunAsync(["import", "--change", "CMD [\"echo\",\"from the image\"]", "--change", "ENV A=b", "-", name + ":one"], BusyboxImage.Tar)).Expect();
        Assert.Matches("^sha256:[0-9a-f]{64}$", import.Line);
        Assert.Equal("from the image", (await cli.RunAsync("run", "--rm", "--network", "none", name + ":one")).Expect().Line);
        Assert.Equal("b", (await cli.RunAsync("run", "--rm", "--network", "none", name + ":one", "sh", "-c", "echo $A")).Expect().Line);
        (await cli.RunAsync("tag", name + ":one", name + ":two")).Expect();
        string[] listed = (await cli.RunAsync("images", "--format", "{{.Repository}}:{{.Tag}}", name)).Expect().Line.Split('\n');
        Assert.Equal([name + ":one", name + ":two"], listed.Order(StringComparer.Ordinal));
        Assert.Contains($"Untagged: {name}:one", (await cli.RunAsync("rmi", name + ":one")).Expect().Output, StringComparison.Ordinal);
        Assert.Contains("Deleted: " + import.Line, (await cli.RunAsync("rmi", name + ":two")).Expect().Output, StringComparison.Ordinal);
        Assert.Contains("No such image", (await cli.RunAsync("rmi", name + ":two")).Expect(1).Error, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AnImageInUseIsNotRemoved(string client)
    {
        Cli cli = fixture.Client(client);
        string name = "used-" + client;
        (await cli.RunAsync(["import", "-", name], BusyboxImage.Tar)).Expect();
        (await cli.RunAsync("run", "-d", "--network", "none", "--name", name, name, "sleep", "1000")).Expect();
        Assert.Contains("is using", (await cli.RunAsync("rmi", name)).Expect(1).Error, StringComparison.Ordinal);
        (await cli.RunAsync("rm", "-f", name)).Expect();
        (await cli.RunAsync("rmi", name)).Expect();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task InspectShowsTheImagesDefaults(string client)
    {
        Cli cli = fixture.Client(client);
        CommandResult result = (await cli.RunAsync("inspect", "--type", "image", "busybox")).Expect();
        JsonNode image = JsonNode.Parse(result.Output)![0]!; // inspect prints a list
        Assert.Equal("linux", image["Os"]!.GetValue<string>()); // docker's members
        Assert.Contains("busybox:latest", image["RepoTags"]!.AsArray().Select(static tag => tag!.GetValue<string>())); // as above
    }

    /// <summary>Owners, modes, hard links, devices and extended attributes come out as they went in.</summary>
    [Fact]
    public async Task LayersKeepWhatFilesAre()
    {
        using var archive = new MemoryStream();
        await archive.WriteAsync(BusyboxImage.Tar.AsMemory(0, EndOfEntries(BusyboxImage.Tar)));
        using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "owned") { Uid = 12, Gid = 34, Mode = (UnixFileMode)0b100_111_101_001, DataStream = new MemoryStream("text"u8.ToArray()) });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.HardLink, "linked") { LinkName = "owned" });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.CharacterDevice, "zero") { DeviceMajor = 1, DeviceMinor = 5, Mode = (UnixFileMode)0b110_110_110 });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Fifo, "pipe"));
        }

        archive.Position = 0;
        (await fixture.Api.ImportAsync(archive, "kinds")).Expect(HttpStatusCode.OK);
        CommandResult result = await fixture.Berth.RunAsync(
            "run", "--rm", "--network", "none", "kinds", "stat", "-c", "%n %u:%g %a %h %F %t,%T", "/owned", "/linked", "/zero", "/pipe");
        Assert.Equal(
            "/owned 12:34 4751 2 regular file 0,0\n/linked 12:34 4751 2 regular file 0,0\n/zero 0:0 666 1 character special file 1,5\n/pipe 0:0 644 1 fifo 0,0\n",
            result.Expect().Output);
    }

    // The archive without its two closing blocks, to append to.
    private static int EndOfEntries(byte[] tar)
    {
        int end = tar.Length;
        while (end >= 512 && !tar.AsSpan(end - 512, 512).ContainsAnyExcept((byte)0))
        {
            end -= 512;
        }

        return end;
    }
}
