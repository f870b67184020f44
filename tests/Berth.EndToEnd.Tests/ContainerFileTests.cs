using System.Formats.Tar;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Files in and out of containers whose layers are mounted on each other.</summary>
public sealed class ContainerFileTests(DaemonFixture fixture) : ContainerFileSuite(fixture), IClassFixture<DaemonFixture>;

/// <summary>The same where every container is a whole copy.</summary>
public sealed class VfsContainerFileTests(VfsFixture fixture) : ContainerFileSuite(fixture), IClassFixture<VfsFixture>;

/// <summary>Files in and out of containers: archives, changes, export, sizes.</summary>
public abstract class ContainerFileSuite(DaemonFixture fixture)
{
    private const string StatHeader = "X-Docker-Container-Path-Stat";

    [Theory, InlineData(true), InlineData(false)]
    public async Task ArchivesGoInAndOut(bool isRunning)
    {
        string id = await MakeAsync(isRunning);
        byte[] archive = Archive(("sub/", null), ("sub/f", "text"), ("link", null));
        (await PutAsync(id, "/tmp", archive)).Expect(HttpStatusCode.OK);

        JsonNode status = await StatAsync(id, "/tmp/sub/f");
        Assert.Equal("f", status["name"]!.GetValue<string>()); // docker's members
        Assert.Equal(4, status["size"]!.GetValue<int>());
        Assert.Equal(0x1A4u, status["mode"]!.GetValue<uint>());
        Assert.Equal("", status["linkTarget"]!.GetValue<string>());
        Assert.Equal("/tmp/sub/f", (await StatAsync(id, "/tmp/link"))["linkTarget"]!.GetValue<string>()); // docker's member

        Assert.Equal(["sub/", "sub/f=text"], Read(await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/sub")));
        Assert.Equal(["./", "./f=text"], Read(await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/sub/.")));
        Assert.Equal(["link->sub/f"], Read(await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/link")));
        Assert.Equal(["f=text"], Read(await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=../tmp/x/../sub/f")));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task WhatDoesNotFitIsToldInDockersWords(bool isRunning)
    {
        string id = await MakeAsync(isRunning);
        byte[] one = Archive(("f", "text"));
        Assert.Equal($"Could not find the file /nosuch in container {id}", (await PutAsync(id, "/nosuch", one)).Expect(HttpStatusCode.NotFound).Message);
        Assert.Equal("extraction point is not a directory", (await PutAsync(id, "/etc/passwd", one)).Expect(HttpStatusCode.InternalServerError).Message);
        Assert.Equal("bad parameter: pathcannot be empty", (await PutAsync(id, "", one)).Expect(HttpStatusCode.BadRequest).Message);
        Assert.Equal("No such container: nosuch", (await PutAsync("nosuch", "/", one)).Expect(HttpStatusCode.NotFound).Message);
        Assert.Equal($"Could not find the file /nosuch in container {id}", (await fixture.Api.GetAsync($"/containers/{id}/archive?path=/nosuch")).Expect(HttpStatusCode.NotFound).Message);
        Assert.Equal("lstat /etc/passwd/: not a directory", (await fixture.Api.GetAsync($"/containers/{id}/archive?path=/etc/passwd/")).Expect(HttpStatusCode.InternalServerError).Message);

        const string start = "Error processing tar file(exit status 1): ";
        Assert.Equal(start + "\"../up\" is outside of \"/tmp\"", (await PutAsync(id, "/tmp", Archive(("../up", "x")))).Expect(HttpStatusCode.InternalServerError).Message);
        Assert.Equal(start + "unexpected EOF", (await PutAsync(id, "/tmp", one[..700])).Expect(HttpStatusCode.InternalServerError).Message);
        (await PutAsync(id, "/tmp", Archive(("d/", null), ("d/x", "1")))).Expect(HttpStatusCode.OK);
        Assert.Equal(
            start + "cannot overwrite directory \"/tmp/d\" with non-directory \"/tmp\"",
            (await PutAsync(id, "/tmp", Archive(("d", "file")), "&noOverwriteDirNonDir=1")).Expect(HttpStatusCode.InternalServerError).Message);
        Assert.Equal(
            start + "cannot overwrite non-directory \"/tmp/d/x\" with directory \"/tmp\"",
            (await PutAsync(id, "/tmp", Archive(("d/x/", null)), "&noOverwriteDirNonDir=1")).Expect(HttpStatusCode.InternalServerError).Message);
        (await PutAsync(id, "/tmp", Archive(("d", "file")))).Expect(HttpStatusCode.OK);
        Assert.Equal(["d=file"], Read(await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/d")));
    }

    [Fact]
    public async Task OwnersAreTheArchivesOrTheUsers()
    {
        string id = await MakeAsync(isRunning: false, user: "12:34");
        (await PutAsync(id, "/tmp", Archive(("kept", "x")))).Expect(HttpStatusCode.OK);
        (await PutAsync(id, "/tmp", Archive(("mapped", "x")), "&copyUIDGID=1")).Expect(HttpStatusCode.OK);
        Assert.Equal((1234, 1235), Owner(await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/kept")));
        Assert.Equal((12, 34), Owner(await fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/mapped")));
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task AReadOnlyRootIsNotWrittenTo(bool isRunning)
    {
        string id = await MakeAsync(isRunning, isReadOnly: true);
        Assert.Equal("container rootfs is marked read-only", (await PutAsync(id, "/tmp", Archive(("f", "x")))).Expect(HttpStatusCode.InternalServerError).Message);
        (await fixture.Api.GetAsync($"/containers/{id}/archive?path=/etc/passwd")).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task ChangesExportAndSizes()
    {
        string id = await MakeAsync(isRunning: false);
        Assert.Equal("null", (await fixture.Api.GetAsync($"/containers/{id}/changes")).Expect(HttpStatusCode.OK).Text.Trim());
        (await PutAsync(id, "/tmp", Archive(("new", "12345")))).Expect(HttpStatusCode.OK);
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);

        // What starting left to mount on is no change.
        Assert.Equal("""[{"Path":"/tmp","Kind":0},{"Path":"/tmp/new","Kind":1}]""", (await fixture.Api.GetAsync($"/containers/{id}/changes")).Expect(HttpStatusCode.OK).Text.Trim());
        List<string> exported = Read(await fixture.Api.GetBytesAsync($"/containers/{id}/export"));
        Assert.Contains("tmp/new=12345", exported);
        Assert.Contains("bin/sh->busybox", exported);

        JsonNode usage = (await fixture.Api.GetAsync("/system/df")).Expect(HttpStatusCode.OK).Json;
        JsonNode container = Assert.Single(usage["Containers"]!.AsArray(), entry => entry!["Id"]!.GetValue<string>() == id)!; // docker's members
        Assert.Equal(5, container["SizeRw"]!.GetValue<long>());
        JsonNode image = Assert.Single(usage["Images"]!.AsArray(), entry => entry!["RepoTags"]!.AsArray().Any(tag => tag!.GetValue<string>() == "busybox:latest"))!;
        Assert.Equal(container["SizeRootFs"]!.GetValue<long>() - 5, image["Size"]!.GetValue<long>());
        Assert.True(image["Containers"]!.GetValue<int>() > 0);
        JsonNode listed = (await fixture.Api.GetAsync("/containers/json?all=1&size=1&filters=" + Uri.EscapeDataString($$"""{"id":["{{id}}"]}"""))).Expect(HttpStatusCode.OK).Json[0]!;
        Assert.Equal(5, listed["SizeRw"]!.GetValue<long>());
        JsonNode inspected = (await fixture.Api.GetAsync($"/containers/{id}/json?size=1")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(5, inspected["SizeRw"]!.GetValue<long>());
        Assert.Equal(listed["SizeRootFs"]!.GetValue<long>(), inspected["SizeRootFs"]!.GetValue<long>());
        Assert.Null((await fixture.Api.GetAsync($"/containers/{id}/json")).Json["SizeRw"]);
        JsonNode only = (await fixture.Api.GetAsync("/system/df?type=volume")).Expect(HttpStatusCode.OK).Json;
        Assert.Null(only["Images"]);
        Assert.NotNull(only["Volumes"]);
        Assert.Equal("unknown object type: bogus", (await fixture.Api.GetAsync("/system/df?type=bogus")).Expect(HttpStatusCode.BadRequest).Message);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AContainerThatIsCopiedFromIsNeitherStartedNorRemoved(string client)
    {
        _ = client; // once for each, as the machine's load differs
        string id = await MakeAsync(isRunning: false);
        (await PutAsync(id, "/tmp", Archive(("big", new string('x', 8 << 20))))).Expect(HttpStatusCode.OK);
        Task<byte[]>[] reads = [.. Enumerable.Range(0, 4).Select(_ => fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/big"))];
        Task<Reply> start = fixture.Api.PostAsync($"/containers/{id}/start");
        foreach (byte[] archive in await Task.WhenAll(reads))
        {
            Assert.True(archive.Length > 8 << 20);
        }

        (await start).Expect(HttpStatusCode.NoContent);
        reads = [.. Enumerable.Range(0, 4).Select(_ => fixture.Api.GetBytesAsync($"/containers/{id}/archive?path=/tmp/big"))];
        await Task.WhenAll(reads);
        (await fixture.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
    }

    internal static byte[] Archive(params (string Name, string? Content)[] entries)
    {
        using var result = new MemoryStream();
        using (var writer = new TarWriter(result, TarEntryFormat.Pax, leaveOpen: true))
        {
            foreach ((string name, string? content) in entries)
            {
                PaxTarEntry entry = name.EndsWith('/')
                    ? new PaxTarEntry(TarEntryType.Directory, name) { Mode = (UnixFileMode)0x1ED }
                    : content is null
                        ? new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = "sub/f" }
                        : new PaxTarEntry(TarEntryType.RegularFile, name) { Mode = (UnixFileMode)0x1A4, DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) };
                (entry.Uid, entry.Gid) = (1234, 1235);
                writer.WriteEntry(entry);
            }
        }

        return result.ToArray();
    }

    private static (int Uid, int Gid) Owner(byte[] archive)
    {
        using var reader = new TarReader(new MemoryStream(archive));
        TarEntry entry = reader.GetNextEntry()!; // one was asked for
        return (entry.Uid, entry.Gid);
    }

    private static List<string> Read(byte[] archive)
    {
        List<string> result = [];
        using var reader = new TarReader(new MemoryStream(archive));
        while (reader.GetNextEntry() is { } entry)
        {
            result.Add(entry.Name + entry.EntryType switch
            {
                TarEntryType.SymbolicLink => "->" + entry.LinkName,
                TarEntryType.RegularFile when entry.Length < 100 => "=" + new StreamReader(entry.DataStream ?? Stream.Null).ReadToEnd(),
                _ => "",
            });
        }

        return result;
    }

    /// <summary>A process can make folders deeper than any path (by names relative to where it is, and by moving); no archive holds such a tree, but its size is told, and those of others.</summary>
    [Fact]
    public async Task OneContainersDeepTreeSpoilsNobodysSizes()
    {
        string levels = string.Join('/', Enumerable.Repeat(new string('x', 250), 12));
        string deep = fixture.NewName(), other = fixture.NewName();
        string script = $"mkdir -p a/{levels} b/{levels} && echo deep >b/{levels}/f && mv b a/{levels}/ && echo made; exec sleep 1000";
        (await fixture.Berth.RunAsync("run", "-d", "--network", "none", "--name", deep, "-w", "/tmp", "busybox", "sh", "-c", script)).Expect();
        (await fixture.Berth.RunAsync("run", "--network", "none", "--name", other, "busybox", "sh", "-c", "echo 123 >/f")).Expect();
        await Poll.UntilAsync(async () => (await fixture.Berth.RunAsync("logs", deep)).Expect().Output == "made\n", "the tree is made");
        CommandResult sizes = (await fixture.Berth.RunAsync("ps", "-as", "--filter", "name=" + deep, "--filter", "name=" + other, "--format", "{{.Names}} {{.Size}}")).Expect();
        Assert.Contains($"{deep} 5B (virtual ", sizes.Output, StringComparison.Ordinal);
        Assert.Contains($"{other} 4B (virtual ", sizes.Output, StringComparison.Ordinal);
        Assert.Equal(5, (int)(await fixture.Api.GetAsync($"/containers/{deep}/json?size=1")).Expect(HttpStatusCode.OK).Json["SizeRw"]!); // as asked
        (await fixture.Berth.RunAsync("system", "df", "-v")).Expect();
        Assert.Contains("is longer than 4095 bytes", (await fixture.Berth.RunAsync("diff", deep)).Expect(1).Error, StringComparison.Ordinal);
        (await fixture.Berth.RunAsync("rm", "-f", deep, other)).Expect();
    }

    private async Task<string> MakeAsync(bool isRunning, string user = "", bool isReadOnly = false)
    {
        JsonObject request = EngineHttp.Request(["sleep", "1000"]);
        request["User"] = user;
        request["HostConfig"]!["ReadonlyRootfs"] = isReadOnly; // Request has it
        Reply made = (await fixture.Api.PostAsync($"/containers/create?name={fixture.NewName()}", request)).Expect(HttpStatusCode.Created);
        string id = made.Json["Id"]!.GetValue<string>(); // a created answer has an id
        if (isRunning)
        {
            (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        }

        return id;
    }

    private async Task<Reply> PutAsync(string id, string path, byte[] archive, string more = "")
    {
        using var content = new ByteArrayContent(archive);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
        return await fixture.Api.SendAsync(HttpMethod.Put, $"/containers/{id}/archive?path={path}{more}", content);
    }

    private async Task<JsonNode> StatAsync(string id, string path)
    {
        string answer = await fixture.Api.RawAsync(Encoding.ASCII.GetBytes($"HEAD /containers/{id}/archive?path={path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        string line = Assert.Single(answer.Split("\r\n"), static line => line.StartsWith(StatHeader, StringComparison.OrdinalIgnoreCase));
        return JsonNode.Parse(Convert.FromBase64String(line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim()))!; // an object
    }
}
