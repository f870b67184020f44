using System.Net;

namespace Berth.Network.Dns;

/// <summary>Sends an answer to a client of the datagram socket.</summary>
internal delegate void DatagramSender(ReadOnlySpan<byte> answer, SocketAddress client);

/// <summary>One container's queries that wait for servers elsewhere: counted, bounded, and waited for at the end.</summary>
internal sealed class DnsForwards(int most, CancellationToken ending)
{
    private readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int count = 1; // one for the owner, until it drains

    /// <summary>Asks elsewhere and sends what comes of it; returns at once. False when too many wait already.</summary>
    public bool TryStart(byte[] message, UpstreamGroup upstreams, SocketAddress client, DatagramSender send)
    {
        if (!TryEnter())
        {
            return false;
        }

        _ = Task.Run(() => RunAsync(message, upstreams, client, send), CancellationToken.None);
        return true;
    }

    /// <summary>Asks elsewhere for a client that waits.</summary>
    /// <exception cref="OperationCanceledException">The container ends.</exception>
    public async Task<byte[]> AskAsync(byte[] message, UpstreamGroup upstreams)
    {
        if (!TryEnter())
        {
            return Resolver.Fail(message);
        }

        try
        {
            return await Resolver.ForwardAsync(message, upstreams, isStream: true, ending);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Returns when nothing is under way any more; nothing may be started after it was called.</summary>
    public Task DrainAsync()
    {
        Leave();
        return drained.Task;
    }

    private async Task RunAsync(byte[] message, UpstreamGroup upstreams, SocketAddress client, DatagramSender send)
    {
        try
        {
            send(await Resolver.ForwardAsync(message, upstreams, isStream: false, ending), client);
        }
        catch (OperationCanceledException)
        {
            // The container ends: nobody waits for the answer.
        }
        finally
        {
            Leave();
        }
    }

    private bool TryEnter()
    {
        if (Interlocked.Increment(ref count) <= most + 1)
        {
            return true;
        }

        Leave();
        return false;
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref count) == 0)
        {
            drained.SetResult();
        }
    }
}
