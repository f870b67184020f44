using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Clients that attach before a container starts, close their own side, and then live on or do not.</summary>
public sealed class VanishedClientTests : IAsyncLifetime
{
    private readonly IPEndPoint address = FreeAddress();
    private RunningDaemon? daemon;

    private RunningDaemon Daemon => daemon ?? throw new InvalidOperationException("the daemon was not started");

    public async Task InitializeAsync() => daemon = await RunningDaemon.CreateAsync($"tcp://{address}");

    public async Task DisposeAsync()
    {
        if (daemon is not null)
        {
            await using RunningDaemon ending = daemon;
            await ending.RemoveEverythingAsync();
            Assert.Equal(0, await ending.StopAsync());
            await Leftovers.AssertNoneAsync(ending, imagesToo: true);
        }
    }

    /// <summary>Its attachment is gone before the start: it must not end the input of the next client.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ADeadClientDoesNotTakeTheInputFromTheNext(bool isTcp)
    {
        string id = await CreateAsync("read line; echo got $line");
        int before = Descriptors();
        using (Socket dead = await AttachAsync(id, isTcp))
        {
            dead.Shutdown(SocketShutdown.Send);
        }

        await Poll.UntilAsync(() => Descriptors() <= before, "the dead client's connection is dropped", seconds: 3);
        using Socket next = await AttachAsync(id, isTcp);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        await Task.Delay(300);
        await next.SendAsync("hello\n"u8.ToArray());
        Assert.Equal("got hello\n", await ReadOutputAsync(next));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ALivingClientKeepsItsAttachment(bool isTcp)
    {
        string id = await CreateAsync("cat; echo end of input");
        using Socket client = await AttachAsync(id, isTcp);
        await client.SendAsync("early\n"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);
        await Task.Delay(3500);
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("early\nend of input\n", await ReadOutputAsync(client));
    }

    /// <summary>Also while the container runs and writes nothing.</summary>
    [Fact]
    public async Task ADeadClientOfAQuietContainerIsDropped()
    {
        string id = await CreateAsync("sleep 1000");
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        int before = Connections();
        using (Socket dead = await AttachAsync(id, isTcp: false, "stdout=1&stderr=1"))
        {
            Assert.Equal(before + 1, Connections());
            dead.Shutdown(SocketShutdown.Send);
        }

        await Poll.UntilAsync(() => Connections() <= before, "the dead client's connection is dropped", seconds: 3);
    }

    /// <summary>
    /// docker-compose 1.29 attaches just after it has started a container. One that has ended, while the daemon does not know it yet, is one that has ended: the client waits
    /// for the next run and is not refused.
    /// </summary>
    [Fact]
    public async Task AClientThatComesAtTheEndWaitsForTheNextRun()
    {
        string id = await CreateAsync("echo line");
        for (int i = 0; i < 60; i++)
        {
            (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
            await Task.Delay(i % 6);
            using Socket first = await AttachAsync(id, isTcp: false, "stdin=1");
            using Socket second = await AttachAsync(id, isTcp: false, "stdout=1");
            await Daemon.Api.PostAsync($"/containers/{id}/wait");
        }

        using Socket last = await AttachAsync(id, isTcp: false, "stdout=1");
        (await Daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("line\n", await ReadOutputAsync(last));
    }

    private static IPEndPoint FreeAddress()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return (IPEndPoint)listener.LocalEndpoint;
    }

    private int Descriptors() => Directory.GetFileSystemEntries($"/proc/{Daemon.Pid.ToString(CultureInfo.InvariantCulture)}/fd").Length;

    // Connections to the daemon's unix socket; its other descriptors come and go with the spare shim.
    private int Connections() => File.ReadLines("/proc/net/unix").Count(line => line.EndsWith(" " + Daemon.SocketPath, StringComparison.Ordinal));

    private async Task<string> CreateAsync(string script)
    {
        JsonObject request = EngineHttp.Request(["sh", "-c", script]);
        request["OpenStdin"] = true;
        request["StdinOnce"] = true;
        return (await Daemon.Api.PostAsync("/containers/create", request)).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // a created answer has an id
    }

    private async Task<Socket> AttachAsync(string id, bool isTcp, string streams = "stdin=1&stdout=1&stderr=1")
    {
        Socket socket = isTcp ? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) : await Daemon.Api.ConnectAsync();
        if (isTcp)
        {
            await socket.ConnectAsync(address);
        }

        await socket.SendAsync(Encoding.ASCII.GetBytes($"POST /containers/{id}/attach?stream=1&{streams} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"));
        var head = new StringBuilder();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            Assert.Equal(1, await socket.ReceiveAsync(one));
            head.Append((char)one[0]);
        }

        Assert.StartsWith("HTTP/1.1 101", head.ToString(), StringComparison.Ordinal);
        return socket;
    }

    private static async Task<string> ReadOutputAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var output = new MemoryStream();
        byte[] buffer = new byte[4096];
        for (int read; (read = await socket.ReceiveAsync(buffer, limit.Token)) > 0;)
        {
            output.Write(buffer, 0, read);
        }

        return Multiplexed.Text(output.ToArray());
    }
}
