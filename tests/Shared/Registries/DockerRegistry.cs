using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Berth.Tests.Registries;

/// <summary>Debian's docker-registry (distribution 2.8) on a free port of this machine, with its files in a folder of its own.</summary>
internal sealed class DockerRegistry : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private readonly Process process;
    private readonly string folder;

    private DockerRegistry(Process process, string folder, string address)
    {
        this.process = process;
        this.folder = folder;
        Address = address;
    }

    /// <summary>Host and port.</summary>
    public string Address { get; }

    /// <summary>Starts it; <paramref name="more"/> is added to its configuration at the top level, <paramref name="http"/> in the section http.</summary>
    public static DockerRegistry Start(string more = "", string http = "", string host = "127.0.0.1")
    {
        for (int attempt = 0; attempt < 10; attempt++)
        {
            if (TryStart(more, http, host) is { } registry)
            {
                return registry;
            }
        }

        throw new InvalidOperationException("docker-registry does not listen");
    }

    // Null when somebody else took the port between the look at it and the registry's start.
    private static DockerRegistry? TryStart(string more, string http, string host)
    {
        string data = Directory.CreateTempSubdirectory("berth-registry-").FullName;
        int port = FreePort();
        string config = Path.Combine(data, "config.yml");
        File.WriteAllText(config, $"""
            version: 0.1
            log: {"{"} level: info, accesslog: {"{"} disabled: true {"}"} {"}"}
            storage:
              filesystem: {"{"} rootdirectory: {data}/data {"}"}
              delete: {"{"} enabled: true {"}"}
            http:
              addr: {host}:{port}
            {http}
            {more}
            """);
        var start = new ProcessStartInfo("docker-registry", ["serve", config]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["OTEL_TRACES_EXPORTER"] = "none";
        Process started = Process.Start(start)!;
        started.OutputDataReceived += static (_, _) => { };
        var listens = new TaskCompletionSource<bool>();
        started.ErrorDataReceived += (_, line) =>
        {
            if (line.Data?.Contains("listening on", StringComparison.Ordinal) != false) // the last is null: it has ended
                listens.TrySetResult(line.Data is not null);
        };
        started.BeginOutputReadLine();
        started.BeginErrorReadLine();
        var registry = new DockerRegistry(started, data, string.Create(CultureInfo.InvariantCulture, $"{host}:{port}"));
        if (listens.Task.Wait(StartLimit) ? listens.Task.Result : throw new InvalidOperationException("docker-registry does not listen"))
        {
            return registry;
        }

        registry.Dispose();
        return null;
    }

    public void Dispose()
    {
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }

        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    // Not one that the kernel gives to connections: those come and go meanwhile.
    private static int FreePort()
    {
        while (true)
        {
            int port = Random.Shared.Next(12_000, 30_000);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // In use.
            }
        }
    }
}
