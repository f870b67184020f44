using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>A data root on a small file system that runs full: every operation says so, nothing that was there is lost, and the space comes back.</summary>
public sealed class FullDiskTests
{
    private const int Megabyte = 1 << 20;
    private const string Words = "no space left on device";

    [Fact]
    public async Task Attack28_AFullDiskIsAClearError()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync();
        Assert.Equal(0, await daemon.StopAsync());
        string disk = Path.Combine(daemon.Home, "disk.img");
        await using (FileStream file = File.Create(disk))
        {
            file.SetLength(48L * Megabyte);
        }

        await RunAsync("mkfs.ext4", "-q", "-m", "0", disk);
        await RunAsync("mount", "-o", "loop", disk, daemon.DataRoot);
        try
        {
            await daemon.StartAsync();
            (await daemon.Api.ImportAsync(new MemoryStream(BusyboxImage.Tar), "busybox")).Expect(HttpStatusCode.OK);
            await FillAndRecoverAsync(daemon);
            Assert.Equal(0, await daemon.StopAsync());
        }
        finally
        {
            if (daemon.IsRunning)
            {
                await daemon.KillAsync();
            }

            await RunAsync("umount", daemon.DataRoot);
        }
    }

    private static async Task FillAndRecoverAsync(RunningDaemon daemon)
    {
        string id = await daemon.Api.CreateAsync("kept", ["cat", "/kept"]);
        (await SendAsync(daemon, HttpMethod.Put, $"/containers/{id}/archive?path=/", ContainerFileSuite.Archive(("kept", "text")))).Expect(HttpStatusCode.OK);
        byte[] saved = await daemon.Api.GetBytesAsync("/images/busybox/get");

        // More than there is room for, and nothing that could be left out as a hole.
        byte[] big = Big(64 * Megabyte);
        Assert.Contains(Words, (await SendAsync(daemon, HttpMethod.Post, "/images/create?fromSrc=-&repo=big", big)).Text, StringComparison.Ordinal);
        (await daemon.Api.GetAsync("/images/big/json")).Expect(HttpStatusCode.NotFound);
        Assert.Contains(Words, (await SendAsync(daemon, HttpMethod.Put, $"/containers/{id}/archive?path=/tmp", big)).Expect(HttpStatusCode.InternalServerError).Message, StringComparison.Ordinal);

        // The container now holds what came until then: there is no room for a copy of it, nor for anything else.
        Assert.Contains(Words, (await daemon.Api.PostAsync($"/commit?container={id}&repo=big")).Expect(HttpStatusCode.InternalServerError).Message, StringComparison.Ordinal);
        Reply created = new(HttpStatusCode.Created, "");
        for (int i = 0; i < 50 && created.Status == HttpStatusCode.Created; i++)
        {
            await FillAsync(daemon); // what failed before is still being deleted
            created = await daemon.Api.PostAsync($"/containers/create?name=late{i}", EngineHttp.Request(["true"]));
        }

        Assert.Contains(Words, created.Expect(HttpStatusCode.InternalServerError).Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(daemon.DataRoot, "filler"));
        (await daemon.Api.DeleteAsync($"/images/busybox?force=1")).Expect(HttpStatusCode.OK);
        Assert.Contains(Words, (await SendAsync(daemon, HttpMethod.Post, "/images/load?quiet=1", saved)).Text, StringComparison.Ordinal);

        // What was acknowledged is there, also for a daemon that starts on the full disk; removing makes room again.
        await daemon.KillAsync();
        await daemon.StartAsync();
        Assert.Contains("text", (await daemon.Api.GetAsync($"/containers/{id}/archive?path=/kept")).Expect(HttpStatusCode.OK).Text, StringComparison.Ordinal);
        (await daemon.Api.DeleteAsync($"/containers/{id}")).Expect(HttpStatusCode.NoContent);
        await Poll.UntilAsync(
            async () => !(await SendAsync(daemon, HttpMethod.Post, "/images/create?fromSrc=-&repo=fits", Big(12 * Megabyte))).Text.Contains("error", StringComparison.OrdinalIgnoreCase)
                && (await daemon.Api.GetAsync("/images/fits/json")).Status == HttpStatusCode.OK,
            "room for an image after the removal");
        Assert.Contains("Loaded image", (await SendAsync(daemon, HttpMethod.Post, "/images/load?quiet=1", saved)).Text, StringComparison.Ordinal);
        await daemon.RemoveEverythingAsync();
        string[] folders = ["content/blobs/sha256", "content/ingest", "snapshots/layers", "snapshots/ingest", "snapshots/containers", "snapshots/trash", "containers"];
        await Poll.UntilAsync(
            () => folders.All(folder => !Directory.EnumerateFileSystemEntries(Path.Combine(daemon.DataRoot, folder)).Any()), "an empty data root after everything was removed");
    }

    // Takes the last blocks, so that not even a folder can be made.
    private static async Task FillAsync(RunningDaemon daemon)
    {
        await using FileStream filler = new(Path.Combine(daemon.DataRoot, "filler"), FileMode.Append);
        try
        {
            byte[] block = new byte[64 << 10];
            while (true)
            {
                await filler.WriteAsync(block);
                await filler.FlushAsync();
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static byte[] Big(int bytes)
    {
        using var result = new MemoryStream(bytes + 4096);
        using (var writer = new System.Formats.Tar.TarWriter(result, leaveOpen: true))
        {
            writer.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "big") { DataStream = new MemoryStream(RandomNumberGenerator.GetBytes(bytes)) });
        }

        return result.ToArray();
    }

    private static async Task<Reply> SendAsync(RunningDaemon daemon, HttpMethod method, string path, byte[] body)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-tar");
        return await daemon.Api.SendAsync(method, path, content);
    }

    private static async Task RunAsync(string program, params string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, args) { RedirectStandardError = true, UseShellExecute = false }) ?? throw new InvalidOperationException($"{program} did not start");
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', args)}: {error}");
    }
}
