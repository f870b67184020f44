using System.Formats.Tar;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>What is wrong gets a clear answer, leaves nothing behind and does no harm to the daemon.</summary>
public sealed class BadInputTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const string Create = "/containers/create";

    [Theory]
    [InlineData("{")]
    [InlineData("{\"Image\":}")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    [InlineData("{\"Image\":\"busybox\"} trailing")]
    [InlineData("\u0000\u0001")]
    public Task MalformedJsonIsA400(string body) => RefusedAsync(() => fixture.Api.PostTextAsync(Create, body), HttpStatusCode.BadRequest, "JSON");

    [Fact]
    public Task AMissingBodyIsA400() => RefusedAsync(() => fixture.Api.PostAsync(Create), HttpStatusCode.BadRequest, "body");

    [Theory]
    [InlineData("{\"Image\":7}", "Image")]
    [InlineData("{\"Image\":\"busybox\",\"Env\":\"A=b\"}", "Env")]
    [InlineData("{\"Image\":\"busybox\",\"Cmd\":{\"a\":1}}", "Cmd")]
    [InlineData("{\"Image\":\"busybox\",\"Cmd\":[1,2]}", "Cmd")]
    [InlineData("{\"Image\":\"busybox\",\"Tty\":\"yes\"}", "Tty")]
    [InlineData("{\"Image\":\"busybox\",\"HostConfig\":[]}", "HostConfig")]
    [InlineData("{\"Image\":\"busybox\",\"HostConfig\":{\"PidsLimit\":1e99}}", "PidsLimit")]
    public Task AWrongTypeIsA400ThatNamesTheMember(string body, string member) =>
        RefusedAsync(() => fixture.Api.PostTextAsync(Create, body), HttpStatusCode.BadRequest, member);

    [Fact]
    public Task DeepNestingIsA400() =>
        RefusedAsync(() => fixture.Api.PostTextAsync(Create, "{\"Image\":\"busybox\",\"Labels\":" + new string('[', 100_000)), HttpStatusCode.BadRequest, "JSON");

    [Fact]
    public Task AnUnknownImageIsA404() =>
        RefusedAsync(() => fixture.Api.PostTextAsync(Create, "{\"Image\":\"nosuch\",\"Cmd\":[\"true\"]}"), HttpStatusCode.NotFound, "No such image: nosuch");

    [Theory]
    [InlineData("UPPER")]
    [InlineData("../../etc")]
    [InlineData("a b")]
    public Task AnImpossibleImageNameIsA400(string image) =>
        RefusedAsync(() => fixture.Api.PostTextAsync(Create, $"{{\"Image\":\"{image}\",\"Cmd\":[\"true\"]}}"), HttpStatusCode.BadRequest, "invalid reference format");

    [Fact]
    public Task AMissingCommandIsA400() => RefusedAsync(() => fixture.Api.PostTextAsync(Create, "{\"Image\":\"busybox\"}"), HttpStatusCode.BadRequest, "no command specified");

    [Theory]
    [InlineData("../evil")]
    [InlineData("a/b")]
    [InlineData("-x")]
    [InlineData("a%00b")]
    public Task AnImpossibleContainerNameIsA400(string name) =>
        RefusedAsync(() => fixture.Api.PostAsync($"{Create}?name={name}", EngineHttp.Request(["true"])), HttpStatusCode.BadRequest, "Invalid container name");

    [Theory]
    [InlineData("GET", "/containers/nosuch/json", "No such container: nosuch")]
    [InlineData("POST", "/containers/nosuch/start", "No such container: nosuch")]
    [InlineData("DELETE", "/containers/nosuch", "No such container: nosuch")]
    [InlineData("GET", "/images/nosuch/json", "No such image: nosuch")]
    [InlineData("GET", "/exec/nosuch/json", "No such exec instance: nosuch")]
    [InlineData("GET", "/no/such/path", "page not found")]
    public Task WhatDoesNotExistIsA404(string method, string path, string message) =>
        RefusedAsync(() => fixture.Api.SendAsync(new HttpMethod(method), path, null), HttpStatusCode.NotFound, message);

    /// <summary>A body that never ends is not collected in memory.</summary>
    [Fact]
    public async Task Attack25_ABodyOf100MegabytesIsRefusedEarly()
    {
        long before = ProcessMemory.ResidentKilobytes(fixture.Daemon.Pid);
        byte[] head = Encoding.ASCII.GetBytes("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n{\"Image\":\"");
        string answer = await fixture.Api.RawAsync([.. head, .. new byte[1 << 20]], seconds: 3);
        Assert.StartsWith("HTTP/1.1 413", answer, StringComparison.Ordinal);
        Assert.Contains("\"message\":", answer, StringComparison.Ordinal);

        byte[] chunk = [.. Encoding.ASCII.GetBytes("100000\r\n"), .. Enumerable.Repeat((byte)' ', 1 << 20), .. "\r\n"u8];
        byte[] chunkedHead = Encoding.ASCII.GetBytes("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
        string chunked = await fixture.Api.RawAsync([.. chunkedHead, .. Enumerable.Repeat(chunk, 100).SelectMany(static part => part)], seconds: 5);
        if (chunked.Length > 0) // the daemon may close while we still send; then the answer is lost on the way
        {
            Assert.StartsWith("HTTP/1.1 413", chunked, StringComparison.Ordinal);
        }

        await AliveAsync();
        Assert.InRange(ProcessMemory.ResidentKilobytes(fixture.Daemon.Pid) - before, long.MinValue, 40_000);
    }

    [Theory]
    [InlineData("GET /_ping HTTP/1.1\r\n\r\n", "400")]
    [InlineData("NONSENSE\r\n\r\n", "400")]
    [InlineData("GET /containers/json HTTP/9.9\r\nHost: x\r\n\r\n", "505")]
    [InlineData("GET /v9.99/containers/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400")]
    [InlineData("GET /v1.2/containers/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400")]
    [InlineData("GET //containers//json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404")]
    [InlineData("GET /containers/%2e%2e%2f%2e%2e/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404")]
    [InlineData("GET /containers/%00/json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "400")]
    [InlineData("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\nConnection: close\r\n\r\n{}   ", "400")]
    [InlineData("POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n", "400")]
    public async Task Attack25_OddRequestsGetA4xx(string request, string status)
    {
        string answer = await fixture.Api.RawAsync(Encoding.ASCII.GetBytes(request), seconds: 5);
        Assert.StartsWith("HTTP/1.1 " + status, answer, StringComparison.Ordinal);
        await AliveAsync();
    }

    [Fact]
    public async Task Attack25_ABodyThatEndsEarlyLeavesNothing()
    {
        string[] before = await StateAsync();
        await fixture.Api.RawAsync(Encoding.ASCII.GetBytes("POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{\"Image\":\"busybox\""), closeSending: true, seconds: 3);
        await AliveAsync();
        Assert.Equal(before, await StateAsync());
    }

    [Fact]
    public Task ATruncatedArchiveIsRefused() =>
        RefusedAsync(() => fixture.Api.ImportAsync(new MemoryStream(BusyboxImage.Tar, 0, BusyboxImage.Tar.Length / 2), "cut"), null, "");

    [Fact]
    public Task NoiseIsNoArchive()
    {
        byte[] noise = new byte[100_000];
        new Random(5).NextBytes(noise);
        return RefusedAsync(() => fixture.Api.ImportAsync(new MemoryStream(noise), "noise"), null, "");
    }

    [Fact]
    public async Task ATruncatedCompressedArchiveIsRefused()
    {
        using var packed = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(BusyboxImage.Tar);
        }

        byte[] cut = packed.ToArray()[..(int)(packed.Length / 2)];
        await RefusedAsync(() => fixture.Api.ImportAsync(new MemoryStream(cut), "cutgz"), null, "");
    }

    public static TheoryData<string> Escapes => ["../evil", "a/../../evil", "link/evil", "up/evil", "hard", "hardabsolute"];

    /// <summary>Whether it is refused or kept inside the layer: nothing outside may change.</summary>
    [Theory, MemberData(nameof(Escapes))]
    public async Task Attack14_AnArchiveThatPointsOutsideChangesNothingThere(string kind)
    {
        string outside = Path.Combine(fixture.Daemon.Home, "outside");
        Directory.CreateDirectory(outside);
        string victim = Path.Combine(outside, "victim");
        await File.WriteAllTextAsync(victim, "untouched");
        string[] before = await StateAsync();
        Reply reply = await fixture.Api.ImportAsync(Hostile(kind, outside), "hostile");
        string[] everything = Directory.GetFileSystemEntries(fixture.Daemon.DataRoot, "evil", SearchOption.AllDirectories);
        Assert.Equal("untouched", await File.ReadAllTextAsync(victim));
        Assert.Equal([victim], Directory.GetFileSystemEntries(outside));
        Assert.DoesNotContain(everything, static path => !path.Contains("/snapshots/layers/", StringComparison.Ordinal));
        if (reply.Status == HttpStatusCode.OK && !reply.Text.Contains("\"error", StringComparison.Ordinal))
        {
            string[] escaped = kind.StartsWith("hard", StringComparison.Ordinal) ? ["it must be refused"] : [];
            Assert.Empty(escaped);
            (await fixture.Api.DeleteAsync("/images/hostile")).Expect(HttpStatusCode.OK);
        }
        else
        {
            Assert.InRange((int)reply.Status, 400, 499);
            Assert.NotEmpty(reply.Message);
        }

        Assert.Equal(before, await StateAsync());
        Directory.Delete(outside, recursive: true);
        await AliveAsync();
    }

    private static MemoryStream Hostile(string kind, string outside)
    {
        var archive = new MemoryStream();
        using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
        {
            switch (kind)
            {
                case "link/evil": // a symlink to the outside, then a file through it
                    writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "link") { LinkName = outside });
                    break;
                case "up/evil":
                    writer.WriteEntry(new PaxTarEntry(TarEntryType.SymbolicLink, "up") { LinkName = string.Concat(Enumerable.Repeat("../", 20)) + outside });
                    break;
            }

            writer.WriteEntry(kind switch
            {
                "hard" => new PaxTarEntry(TarEntryType.HardLink, "hard") { LinkName = string.Concat(Enumerable.Repeat("../", 20)) + outside + "/victim" },
                "hardabsolute" => new PaxTarEntry(TarEntryType.HardLink, "hard") { LinkName = outside + "/victim" },
                _ => new PaxTarEntry(TarEntryType.RegularFile, kind) { DataStream = new MemoryStream("evil"u8.ToArray()) },
            });
            if (kind.StartsWith("hard", StringComparison.Ordinal))
            {
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "hard") { DataStream = new MemoryStream("evil"u8.ToArray()) });
            }
        }

        archive.Position = 0;
        return archive;
    }

    // Sends a request that must fail with a message, and must leave everything as it was.
    private async Task RefusedAsync(Func<Task<Reply>> request, HttpStatusCode? status, string message)
    {
        string[] before = await StateAsync();
        Reply reply = await request();
        if (status is { } wanted)
        {
            reply.Expect(wanted);
        }

        Assert.InRange((int)reply.Status, 400, 499);
        Assert.Contains(message, reply.Message, StringComparison.Ordinal);
        await AliveAsync();
        Assert.Equal(before, await StateAsync());
    }

    private async Task AliveAsync() => Assert.Equal("OK", (await fixture.Api.GetAsync("/_ping")).Expect(HttpStatusCode.OK).Text);

    // Every file and folder that an image or a container is made of, once what was removed is really gone.
    private async Task<string[]> StateAsync()
    {
        string trash = Path.Combine(fixture.Daemon.DataRoot, "snapshots", "trash");
        await Poll.UntilAsync(() => !Directory.Exists(trash) || !Directory.EnumerateFileSystemEntries(trash).Any(), "the trash is emptied");
        return [.. ((string[])["containers", "content", "snapshots"])
            .SelectMany(folder => Directory.EnumerateFileSystemEntries(Path.Combine(fixture.Daemon.DataRoot, folder), "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 }))
            .Order(StringComparer.Ordinal)
            .Select(path => path[fixture.Daemon.DataRoot.Length..])];
    }
}
