using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>A proxy that wants a user and makes tunnels (RFC 9110, section 9.3.6): whatever name is asked for, they lead to one port of this machine. It keeps the heads of what it was asked.</summary>
internal sealed class TunnelProxy : IDisposable
{
    private const int MaxHead = 16 << 10;
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource ended = new();
    private readonly ConcurrentQueue<string> heads = new();
    private readonly int behind;
    private readonly string credentials;
    private readonly Task accepting;

    /// <param name="backend">Host and port; the host is this one.</param>
    /// <param name="credentials"><c>user:password</c>.</param>
    public TunnelProxy(string backend, string credentials)
    {
        behind = int.Parse(backend.Split(':')[1], CultureInfo.InvariantCulture);
        this.credentials = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <summary>Host and port.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

    public IReadOnlyList<string> Heads => [.. heads];

    public void Dispose()
    {
        ended.Cancel();
        listener.Dispose();
        accepting.Wait();
        ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> served = [];
        try
        {
            while (true)
            {
                served.Add(ServeAsync(await listener.AcceptSocketAsync(ended.Token)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(served);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var target = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            try
            {
                // More than one on a connection: the first comes without the user.
                for (string head; (head = await ReadHeadAsync(client)).Length > 0;)
                {
                    heads.Enqueue(head);
                    if (!head.Contains("Proxy-Authorization: " + credentials, StringComparison.OrdinalIgnoreCase))
                    {
                        await client.SendAsync("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), ended.Token);
                        continue;
                    }

                    await target.ConnectAsync(IPAddress.Loopback, behind, ended.Token);
                    await client.SendAsync("HTTP/1.1 200 Made\r\n\r\n"u8.ToArray(), ended.Token);
                    await NamespaceRelay.SpliceAsync(client, target, ended.Token);
                    return;
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // One of the two went away: so does the other.
            }
        }
    }

    // Nobody sends anything into a tunnel before it is there.
    private async Task<string> ReadHeadAsync(Socket client)
    {
        byte[] buffer = new byte[MaxHead];
        int filled = 0;
        while (buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8) < 0)
        {
            int count = await client.ReceiveAsync(buffer.AsMemory(filled), ended.Token);
            if (count == 0)
            {
                return "";
            }

            filled += count;
        }

        return Encoding.ASCII.GetString(buffer, 0, filled);
    }
}
