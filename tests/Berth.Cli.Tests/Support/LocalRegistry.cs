using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Berth.Cli.Tests.Support;

/// <summary>docker-registry on a free port of this machine, empty at first.</summary>
public sealed class LocalRegistry : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("berth-registry-").FullName;
    private readonly Process process;

    public LocalRegistry()
    {
        int port = FreePort();
        Host = $"127.0.0.1:{port}";
        string config = Path.Combine(folder, "config.yml");
        File.WriteAllText(config, $"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: {{rootdirectory: {folder}/data}}\nhttp: {{addr: \"{Host}\"}}\n");
        process = Process.Start(new ProcessStartInfo("docker-registry", ["serve", config]) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true })!; // throws if it cannot start
        _ = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        while (!Answers(port))
            Thread.Sleep(20);
    }

    /// <summary>Host and port.</summary>
    public string Host { get; }

    public void Dispose()
    {
        process.Kill();
        process.WaitForExit();
        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private bool Answers(int port)
    {
        Assert.False(process.HasExited, "docker-registry has ended");
        try
        {
            using var client = new TcpClient("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
