using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;

namespace Berth.Network.Dns;

/// <summary>One container's TCP clients (RFC 7766): messages with two bytes of length before them, any number on a connection, answered in their order.</summary>
internal sealed class DnsConnections : IAsyncDisposable
{
    private readonly Socket listening;
    private readonly DnsListener owner;
    private readonly DnsForwards forwards;
    private readonly DnsServerOptions options;
    private readonly CancellationToken ending;
    private readonly SemaphoreSlim places;
    private readonly TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task accepting;
    private int open = 1; // connections, and one for the owner, until it ends

    public DnsConnections(Socket listening, DnsListener owner, DnsForwards forwards, DnsServerOptions options, CancellationToken ending)
    {
        this.listening = listening;
        this.owner = owner;
        this.forwards = forwards;
        this.options = options;
        this.ending = ending;
        places = new SemaphoreSlim(options.MaxConnections);
        accepting = Task.Run(AcceptAsync, CancellationToken.None);
    }

    /// <summary>To be called after the token has been cancelled; returns when every connection is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        listening.Dispose();
        await accepting;
        Leave();
        await closed.Task;
        places.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!ending.IsCancellationRequested)
        {
            try
            {
                Socket client = await listening.AcceptAsync(ending);
                if (places.Wait(0))
                {
                    Interlocked.Increment(ref open);
                    _ = ServeAsync(client);
                }
                else
                {
                    client.Dispose();
                }
            }
            catch (Exception error) when (ending.IsCancellationRequested && error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(100); // no descriptors or memory left just now, or a client that went before it was accepted
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            client.NoDelay = true;
            while (await ServeOneAsync(client))
            {
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException)
        {
            // The client went, was too slow, or the container ends.
        }
        finally
        {
            places.Release(); // before the client hears of the end, so that it finds room when it comes again
            client.Dispose();
            Leave();
        }
    }

    private void Leave()
    {
        if (Interlocked.Decrement(ref open) == 0)
        {
            closed.SetResult();
        }
    }

    private async Task<bool> ServeOneAsync(Socket client)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(ending);
        time.CancelAfter(options.ConnectionTimeout);
        byte[] head = new byte[2];
        if (!await ReceiveAllAsync(client, head, time.Token) || await ReceiveQueryAsync(client, BinaryPrimitives.ReadUInt16BigEndian(head), time.Token) is not { } query)
        {
            return false;
        }

        time.CancelAfter(Timeout.InfiniteTimeSpan); // asking elsewhere has limits of its own
        byte[] buffer = ArrayPool<byte>.Shared.Rent(2 + DnsLimits.MaxMessage);
        try
        {
            int length = await AnswerAsync(query, buffer);
            if (length == 0)
            {
                return false; // no query at all: whoever speaks here speaks something else
            }

            BinaryPrimitives.WriteUInt16BigEndian(buffer, (ushort)length);
            time.CancelAfter(options.ConnectionTimeout);
            for (int sent = 0; sent < length + 2;)
            {
                sent += await client.SendAsync(buffer.AsMemory(sent, length + 2 - sent), time.Token);
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Memory grows with what comes, not with what is announced; null when the client hangs up before all came.
    private static async Task<byte[]?> ReceiveQueryAsync(Socket client, int length, CancellationToken cancellationToken)
    {
        byte[] query = new byte[Math.Min(length, DnsLimits.PlainDatagram)];
        int got = 0;
        while (await ReceiveAllAsync(client, query.AsMemory(got), cancellationToken))
        {
            if (query.Length == length)
            {
                return query;
            }

            got = query.Length;
            Array.Resize(ref query, Math.Min(length, got * 2));
        }

        return null;
    }

    // The answer goes behind the two bytes of its length.
    private async Task<int> AnswerAsync(byte[] query, byte[] buffer)
    {
        NameScope scope = owner.Scope;
        ResolverOutcome outcome = Resolver.Answer(query, scope, isStream: true, buffer.AsSpan(2, DnsLimits.MaxMessage), out int length);
        if (outcome != ResolverOutcome.Elsewhere || scope.Upstreams is not { } upstreams)
        {
            return length;
        }

        byte[] answer = await forwards.AskAsync(query, upstreams);
        answer.CopyTo(buffer, 2);
        return answer.Length;
    }

    private static async Task<bool> ReceiveAllAsync(Socket client, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (buffer.Length > 0)
        {
            int count = await client.ReceiveAsync(buffer, cancellationToken);
            if (count == 0)
            {
                return false;
            }

            buffer = buffer[count..];
        }

        return true;
    }
}
