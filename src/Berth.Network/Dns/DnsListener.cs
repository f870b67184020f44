using System.Net;
using System.Net.Sockets;

namespace Berth.Network.Dns;

/// <summary>One container's resolver. Disposing it closes its sockets and waits for everything under way.</summary>
public sealed class DnsListener : IAsyncDisposable
{
    private readonly CancellationTokenSource ending = new();
    private readonly Lock gate = new(); // no datagram is served after the end has begun
    private readonly Socket udp;
    private readonly SocketAddress client;
    private readonly DatagramLoop loop;
    private readonly ulong token;
    private readonly DnsConnections connections;
    private readonly DnsForwards forwards;
    private volatile NameScope scope;
    private bool hasEnded;

    internal DnsListener(Socket udp, Socket tcp, NameScope scope, DnsServerOptions options, DatagramLoop loop)
    {
        this.udp = udp;
        this.scope = scope;
        this.loop = loop;
        udp.Blocking = false; // an answer that the kernel has no room for is dropped, as any datagram may be
        client = new SocketAddress(udp.AddressFamily);
        forwards = new DnsForwards(options.MaxForwards, ending.Token);
        token = loop.Add(udp, this); // before anything is started, as it can fail; datagrams may be served from here on
        connections = new DnsConnections(tcp, this, forwards, options, ending.Token);
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
        lock (gate)
        {
            if (hasEnded)
            {
                return;
            }

            hasEnded = true;
            loop.Remove(udp, token);
            udp.Dispose();
        }

        await ending.CancelAsync();
        await connections.DisposeAsync();
        await forwards.DrainAsync();
        ending.Dispose();
    }

    /// <summary>Reads one datagram, which is there, and answers it or has it answered; only the loop's thread calls it, with buffers of its own.</summary>
    internal void ServeDatagram(byte[] query, byte[] response)
    {
        lock (gate)
        {
            if (hasEnded)
            {
                return;
            }

            try
            {
                int length = udp.ReceiveFrom(query, SocketFlags.None, client);
                Serve(query.AsSpan(0, length), response);
            }
            catch (SocketException)
            {
                // The datagram was dropped after all (its checksum is wrong), or this tells of an earlier one: the socket is as good as before.
            }
        }
    }

    private void Serve(ReadOnlySpan<byte> query, byte[] response)
    {
        NameScope present = scope;
        switch (Resolver.Answer(query, present, isStream: false, response, out int length))
        {
            case ResolverOutcome.Answered:
                Send(response.AsSpan(0, length), client);
                break;
            case ResolverOutcome.Elsewhere when present.Upstreams is { } upstreams:
                Forward(query.ToArray(), upstreams);
                break;
        }
    }

    private void Forward(byte[] query, UpstreamGroup upstreams)
    {
        if (!forwards.TryStart(query, upstreams, Copy(client), Send))
        {
            Send(Resolver.Fail(query), client);
        }
    }

    private void Send(ReadOnlySpan<byte> answer, SocketAddress to)
    {
        try
        {
            udp.SendTo(answer, SocketFlags.None, to);
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
