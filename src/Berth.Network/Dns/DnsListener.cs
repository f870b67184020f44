using System.Net;
using System.Net.Sockets;

namespace Berth.Network.Dns;

/// <summary>One container's resolver. Disposing it closes its sockets and waits for everything under way.</summary>
public sealed class DnsListener : IAsyncDisposable
{
    private readonly CancellationTokenSource ending = new();
    private readonly Socket udp;
    private readonly DnsConnections connections;
    private readonly DnsForwards forwards;
    private readonly Task datagrams;
    private volatile NameScope scope;
    private int disposed;

    internal DnsListener(Socket udp, Socket tcp, NameScope scope, DnsServerOptions options)
    {
        this.udp = udp;
        this.scope = scope;
        udp.Blocking = false; // an answer that the kernel has no room for is dropped, as any datagram may be
        forwards = new DnsForwards(options.MaxForwards, ending.Token);
        connections = new DnsConnections(tcp, this, forwards, options, ending.Token);
        datagrams = Task.Run(ServeDatagramsAsync);
    }

    /// <summary>What the container may ask for; a new value holds for the next query.</summary>
    public NameScope Scope
    {
        get => scope;
        set => scope = value;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }

        await ending.CancelAsync();
        udp.Dispose();
        await datagrams;
        await connections.DisposeAsync();
        await forwards.DrainAsync();
        ending.Dispose();
    }

    private async Task ServeDatagramsAsync()
    {
        byte[] query = GC.AllocateUninitializedArray<byte>(4096, pinned: true);
        byte[] response = GC.AllocateUninitializedArray<byte>(AnswerCache.MaxAnswer, pinned: true);
        var client = new SocketAddress(udp.AddressFamily);
        int failures = 0;
        while (!ending.IsCancellationRequested)
        {
            try
            {
                int length = await udp.ReceiveFromAsync(query, SocketFlags.None, client, ending.Token);
                failures = 0;
                Serve(query.AsSpan(0, length), response, client);
            }
            catch (Exception error) when (ending.IsCancellationRequested && error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
            catch (SocketException)
            {
                // An error of an earlier datagram, told late: the socket is as good as before. If it is not, do not spin.
                if (++failures > 16)
                {
                    await Task.Delay(100);
                }
            }
        }
    }

    private void Serve(ReadOnlySpan<byte> query, byte[] response, SocketAddress client)
    {
        NameScope present = scope;
        switch (Resolver.Answer(query, present, isStream: false, response, out int length))
        {
            case ResolverOutcome.Answered:
                Send(response.AsSpan(0, length), client);
                break;
            case ResolverOutcome.Elsewhere when present.Upstreams is { } upstreams:
                forwards.Start(query.ToArray(), upstreams, Copy(client), Send);
                break;
        }
    }

    private void Send(ReadOnlySpan<byte> answer, SocketAddress client)
    {
        try
        {
            udp.SendTo(answer, SocketFlags.None, client);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Lost, like any datagram: the client asks again. A container that is ending has no more use for it.
        }
    }

    private static SocketAddress Copy(SocketAddress address)
    {
        var copy = new SocketAddress(address.Family, address.Size);
        address.Buffer[..address.Size].CopyTo(copy.Buffer);
        return copy;
    }
}
