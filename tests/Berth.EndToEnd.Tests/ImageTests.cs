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

    [Fact]
    public async Task ItsManifestIsToldToThoseWhoAsk()
    {
        string name = fixture.NewName();
        (await fixture.Api.ImportAsync(new MemoryStream(BusyboxImage.Tar), name)).Expect(HttpStatusCode.OK);
        JsonObject request = EngineHttp.Request(["true"]);
        request["Image"] = name;
        string id = (string)(await fixture.Api.PostAsync("/containers/create", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // as created
        string filters = Uri.EscapeDataString($$"""{"reference":["{{name}}"]}""");
        JsonNode image = (await fixture.Api.GetAsync($"/v1.47/images/json?manifests=1&filters={filters}")).Json[0]!; // the one that has the name
        JsonNode manifest = Assert.Single(image["Manifests"]!.AsArray())!; // as asked
        long content = (long)manifest["Size"]!["Content"]!; // docker's members, as below
        long unpacked = (long)manifest["ImageData"]!["Size"]!["Unpacked"]!;
        Assert.InRange(content, BusyboxImage.Tar.Length, BusyboxImage.Tar.Length + 4096);
        Assert.Equal((content + unpacked, content + unpacked), ((long)manifest["Size"]!["Total"]!, (long)image["Size"]!));
        Assert.Equal("application/vnd.oci.image.manifest.v1+json", (string?)manifest["Descriptor"]!["mediaType"]);
        Assert.Equal((string?)manifest["ID"], (string?)manifest["Descriptor"]!["digest"]);
        Assert.Equal((true, "image", "linux"), ((bool)manifest["Available"]!, (string?)manifest["Kind"], (string?)manifest["ImageData"]!["Platform"]!["os"]));
        Assert.Equal([id], manifest["ImageData"]!["Containers"]!.AsArray().Select(static user => (string?)user));
        Assert.Equal(1, (int)image["Containers"]!);

        JsonNode inspected = (await fixture.Api.GetAsync($"/v1.48/images/{name}/json?manifests=1")).Json["Manifests"]!;
        Assert.True(JsonNode.DeepEquals(image["Manifests"], inspected));
        foreach (string path in (string[])[$"/v1.46/images/json?manifests=1&filters={filters}", $"/v1.51/images/json?filters={filters}"])
        {
            JsonNode plain = (await fixture.Api.GetAsync(path)).Json[0]!;
            Assert.Null(plain["Manifests"]);
            Assert.Equal((unpacked, -1), ((long)plain["Size"]!, (int)plain["Containers"]!));
        }
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
