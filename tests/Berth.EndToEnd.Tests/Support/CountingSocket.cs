using System.Net.Sockets;
using System.Text;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>A socket before a daemon's that counts what goes through it, both ways.</summary>
internal sealed class CountingSocket : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("be-count-").FullName;
    private readonly string backend;
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private long bytes;

    public CountingSocket(string backend)
    {
        this.backend = backend;
        string path = Path.Combine(folder, "s");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        Host = "unix://" + path;
        _ = AcceptAsync();
    }

    public string Host { get; }

    /// <summary>Is shown the beginning of each request before the daemon gets it, and says what that gets in its place.</summary>
    public Func<string, Task<string>>? Before { get; set; }

    /// <summary>Bytes since the last call.</summary>
    public long Take() => Interlocked.Exchange(ref bytes, 0);

    public void Dispose()
    {
        listener.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await listener.AcceptAsync());
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var daemon = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using (client)
        {
            try
            {
                await daemon.ConnectAsync(new UnixDomainSocketEndPoint(backend));
                await Task.WhenAll(CopyAsync(client, daemon, areRequests: true), CopyAsync(daemon, client, areRequests: false));
            }
            catch (SocketException)
            {
                // One of the two went away.
            }
        }
    }

    private async Task CopyAsync(Socket from, Socket to, bool areRequests)
    {
        byte[] buffer = new byte[64 << 10];
        for (int count; (count = await from.ReceiveAsync(buffer)) > 0;)
        {
            Interlocked.Add(ref bytes, count);
            ReadOnlyMemory<byte> sent = buffer.AsMemory(0, count);
            if (areRequests && Before is { } before && (sent.Span.StartsWith("GET "u8) || sent.Span.StartsWith("POST "u8)))
                sent = Encoding.Latin1.GetBytes(await before(Encoding.Latin1.GetString(sent.Span)));

            await to.SendAsync(sent);
        }

        to.Shutdown(SocketShutdown.Send);
    }
}
