using System.Net;
using System.Net.Sockets;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>
/// Listens in another network namespace and hands every connection on to a port of this one's loopback: servers of the test itself are reached there, under an address of that namespace's.
/// </summary>
internal sealed class NamespaceRelay : IDisposable
{
    private readonly Socket listener;
    private readonly int port;
    private readonly CancellationTokenSource ended = new();
    private readonly Task accepting;

    /// <param name="path">The namespace's file.</param>
    /// <param name="address">Where to listen there.</param>
    /// <param name="port">The port, there and here.</param>
    public NamespaceRelay(string path, IPAddress address, int port)
    {
        this.port = port;
        listener = NamespaceSocket.Open(path, address.AddressFamily, ProtocolType.Tcp);
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(new IPEndPoint(address, port));
        listener.Listen();
        accepting = AcceptAsync();
    }

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
                served.RemoveAll(static one => one.IsCompleted);
                served.Add(ServeAsync(await listener.AcceptAsync(ended.Token)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(served);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var behind = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            try
            {
                await behind.ConnectAsync(IPAddress.Loopback, port, ended.Token);
                await SpliceAsync(client, behind, ended.Token);
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // One of the two went away: so does the other.
            }
        }
    }

    /// <summary>Hands on in both directions what comes from one of two connections, until both have ended, or one has broken.</summary>
    public static Task SpliceAsync(Socket one, Socket other, CancellationToken cancellationToken) =>
        Task.WhenAll(CopyAsync(one, other, cancellationToken), CopyAsync(other, one, cancellationToken));

    private static async Task CopyAsync(Socket from, Socket to, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[64 << 10];
        try
        {
            for (int count; (count = await from.ReceiveAsync(buffer, cancellationToken)) > 0;)
            {
                for (int at = 0; at < count;)
                {
                    at += await to.SendAsync(buffer.AsMemory(at, count - at), cancellationToken);
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            from.Close(); // a connection that broke on one side is broken on the other
            to.Close();
            throw;
        }
    }
}
