using System.Net;
using System.Net.Sockets;

namespace Berth.Network.Dns;

/// <summary>
/// A list of servers and what they answered: shared by the containers that ask the same ones. The sockets are made in the namespace of whoever calls, which for the
/// daemon is the host's. Safe for concurrent use.
/// </summary>
public sealed class UpstreamGroup
{
    private readonly UpstreamServer[] servers;
    private readonly UpstreamOptions options;
    private int outstanding;

    /// <param name="servers">In the order in which they are asked.</param>
    /// <param name="options">Limits.</param>
    public UpstreamGroup(IReadOnlyList<IPEndPoint> servers, UpstreamOptions options)
    {
        options.Validate();
        this.servers = [.. servers.Select(static server => new UpstreamServer(server))];
        this.options = options;
        Cache = new AnswerCache(options.CacheEntries, options.CacheBytes);
    }

    /// <summary>In the order in which they are asked.</summary>
    public IEnumerable<IPEndPoint> Servers => servers.Select(static server => server.EndPoint);

    /// <summary>Queries under way.</summary>
    public int Outstanding => Volatile.Read(ref outstanding);

    internal AnswerCache Cache { get; }

    /// <summary>Asks one server after another until one says something that can be passed on; keeps it. Never throws but when cancelled.</summary>
    /// <returns>The answer with id and question as they came; null when none could be had.</returns>
    internal async Task<byte[]?> AskAsync(byte[] message, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref outstanding) > options.MaxOutstanding)
        {
            Interlocked.Decrement(ref outstanding);
            return null;
        }

        using var total = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        total.CancelAfter(options.TotalTimeout);
        try
        {
            UpstreamQuery query = Copy(message);
            foreach (UpstreamServer server in servers.OrderBy(static server => server.IsAvoided)) // stable: otherwise in their order
            {
                (UpstreamFault fault, byte[]? answer) = await AskServerAsync(query, message, server, total.Token);
                if (fault == UpstreamFault.None)
                {
                    server.Trust();
                    return answer;
                }

                cancellationToken.ThrowIfCancellationRequested();
                if (fault == UpstreamFault.Silent)
                {
                    server.Avoid(options.Avoidance);
                }

                if (total.IsCancellationRequested)
                {
                    break;
                }
            }

            return null;
        }
        finally
        {
            Interlocked.Decrement(ref outstanding);
        }
    }

    private async Task<(UpstreamFault Fault, byte[]? Answer)> AskServerAsync(UpstreamQuery query, byte[] message, UpstreamServer server, CancellationToken cancellationToken)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        time.CancelAfter(options.ServerTimeout);
        try
        {
            UpstreamAnswer answer = await UpstreamExchange.AskAsync(query, server.EndPoint, time.Token);
            bool isUsable = answer.Code is not (ResponseCode.ServerFailure or ResponseCode.Refused or ResponseCode.NotImplemented) && Keep(message, answer.Message);
            return isUsable ? (UpstreamFault.None, answer.Message) : (UpstreamFault.Unable, null);
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            return (UpstreamFault.Silent, null);
        }
        catch (InvalidDataException)
        {
            return (UpstreamFault.Unable, null);
        }
    }

    // Also the check of the whole message: what cannot be read is not passed on.
    private bool Keep(byte[] message, byte[] answer)
    {
        Span<byte> name = stackalloc byte[DnsLimits.MaxName];
        return DnsQuery.Read(message, name, out DnsQuery query) == DnsQuery.Verdict.Fine && Cache.Add(query, answer);
    }

    private static UpstreamQuery Copy(byte[] message)
    {
        Span<byte> name = stackalloc byte[DnsLimits.MaxName];
        return DnsQuery.Read(message, name, out DnsQuery query) == DnsQuery.Verdict.Fine
            ? new UpstreamQuery(query)
            : throw new ArgumentException("only a query that was read before is asked elsewhere", nameof(message));
    }
}
