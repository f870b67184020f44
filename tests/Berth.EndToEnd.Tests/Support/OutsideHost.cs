using System.Diagnostics;
using System.Globalization;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>Another host, at the other end of a cable that begins as <c>lan0</c> in a daemon's namespace: a web server in a network namespace that ends with it, which tells "outside" at <c>/hostname</c>.</summary>
internal sealed class OutsideHost : IDisposable
{
    public const string Address = "192.168.50.1";
    private readonly Process server;
    private readonly string folder;

    private OutsideHost(Process server, string folder) => (this.server, this.folder) = (server, folder);

    /// <summary>Its network namespace.</summary>
    public string NamespacePath => $"/proc/{server.Id.ToString(CultureInfo.InvariantCulture)}/ns/net";

    public static async Task<OutsideHost> CreateAsync(HostNamespace host)
    {
        string served = Directory.CreateTempSubdirectory("be-out-").FullName;
        await File.WriteAllTextAsync(Path.Combine(served, "hostname"), "outside\n");
        var outside = new OutsideHost(Process.Start("unshare", ["--net", Binaries.Busybox, "httpd", "-f", "-p", "80", "-h", served]), served);
        try
        {
            string own = new FileInfo("/proc/self/ns/net").LinkTarget ?? "";
            await Poll.UntilAsync(() => new FileInfo(outside.NamespacePath).LinkTarget is { } there && there != own, "a network namespace");
            (await host.RunAsync("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")).Expect();
            (await host.RunAsync("ip", "link", "set", "lan1", "netns", outside.server.Id.ToString(CultureInfo.InvariantCulture))).Expect();
            (await host.RunAsync("ip", "link", "set", "lan0", "up")).Expect();
            await outside.RunAsync("ip", "addr", "add", Address + "/24", "dev", "lan1");
            await outside.RunAsync("ip", "link", "set", "lan1", "up");
            return outside;
        }
        catch
        {
            outside.Dispose();
            throw;
        }
    }

    /// <summary>What a web server says at an address, as soon as it listens.</summary>
    public async Task<string> FetchAsync(string url)
    {
        string line = "";
        await Poll.UntilAsync(async () => (line = (await TryAsync("timeout", "5", Binaries.Busybox, "wget", "-qO-", url)).Trim()).Length > 0, $"an answer of {url} outside", 30);
        return line;
    }

    public void Dispose()
    {
        server.Kill();
        server.WaitForExit();
        server.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private async Task RunAsync(params string[] command) => Assert.Equal("", await TryAsync(command));

    private async Task<string> TryAsync(params string[] command)
    {
        using Process process = Process.Start(new ProcessStartInfo("nsenter", ["--net=" + NamespacePath, .. command]) { UseShellExecute = false, RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("nsenter did not start");
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output;
    }
}
