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
    private readonly TimeProvider clock;
    private readonly Lock gate = new();
    private readonly Dictionary<byte[], SharedQuestion> underWay = new(DnsNameComparer.Instance);

    /// <param name="servers">In the order in which they are asked.</param>
    /// <param name="options">Limits.</param>
    /// <param name="clock">By which limits end and answers grow old; the system's when null.</param>
    public UpstreamGroup(IReadOnlyList<IPEndPoint> servers, UpstreamOptions options, TimeProvider? clock = null)
    {
        options.Validate();
        this.clock = clock ?? TimeProvider.System;
        this.servers = [.. servers.Select(server => new UpstreamServer(server, this.clock))];
        this.options = options;
        Cache = new AnswerCache(options.CacheEntries, options.CacheBytes, this.clock);
    }

    /// <summary>In the order in which they are asked.</summary>
    public IEnumerable<IPEndPoint> Servers => servers.Select(static server => server.EndPoint);

    /// <summary>Questions under way; who asks what is being asked already waits for the same answer.</summary>
    public int Outstanding
    {
        get
        {
            lock (gate)
            {
                return underWay.Count;
            }
        }
    }

    /// <summary>Queries that wait for the answers to these.</summary>
    internal int Waiting
    {
        get
        {
            lock (gate)
            {
                return underWay.Values.Sum(static question => question.Waiting);
            }
        }
    }

    internal AnswerCache Cache { get; }

    /// <summary>Asks one server after another until one says something that can be passed on; keeps it. Never throws but when cancelled.</summary>
    /// <returns>The answer with id and question as they came; null when none could be had.</returns>
    internal async Task<byte[]?> AskAsync(byte[] message, CancellationToken cancellationToken)
    {
        if (Join(message) is not { } question)
        {
            return null;
        }

        try
        {
            return await question.Answer.WaitAsync(cancellationToken);
        }
        finally
        {
            if (Leave(question))
            {
                await question.DisposeAsync();
            }
        }
    }

    // Null when there are too many.
    private SharedQuestion? Join(byte[] message)
    {
        byte[] key = KeyOf(message);
        lock (gate)
        {
            if (!underWay.TryGetValue(key, out SharedQuestion? question))
            {
                if (underWay.Count >= options.MaxOutstanding)
                {
                    return null;
                }

                question = new SharedQuestion(key);
                underWay.Add(key, question);
                question.Start(token => AskServersAsync(message, question, token));
            }

            question.Waiting++;
            return question;
        }
    }

    // True for the last who waits.
    private bool Leave(SharedQuestion question)
    {
        lock (gate)
        {
            if (--question.Waiting > 0)
            {
                return false;
            }

            Forget(question);
            return true;
        }
    }

    private void Forget(SharedQuestion question)
    {
        lock (gate)
        {
            if (underWay.TryGetValue(question.Key, out SharedQuestion? present) && ReferenceEquals(present, question))
            {
                underWay.Remove(question.Key);
            }
        }
    }

    private async Task<byte[]?> AskServersAsync(byte[] message, SharedQuestion question, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.TotalTimeout, clock);
        using var total = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
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
                Note(server, fault);
                if (total.IsCancellationRequested)
                {
                    break;
                }
            }

            return null;
        }
        finally
        {
            Forget(question);
        }
    }

    private void Note(UpstreamServer server, UpstreamFault fault)
    {
        switch (fault)
        {
            case UpstreamFault.Silent:
                server.NoteSilence(options);
                break;
            case UpstreamFault.Absent:
                server.Avoid(options.Avoidance);
                break;
            case UpstreamFault.Unable:
                server.NoteAnswer();
                break;
        }
    }

    private async Task<(UpstreamFault Fault, byte[]? Answer)> AskServerAsync(UpstreamQuery query, byte[] message, UpstreamServer server, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.ServerTimeout, clock);
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        try
        {
            UpstreamAnswer answer = await UpstreamExchange.AskAsync(query, server.EndPoint, time.Token);
            bool isUsable = answer.Code is not (ResponseCode.ServerFailure or ResponseCode.Refused or ResponseCode.NotImplemented) && Keep(message, answer.Message);
            return isUsable ? (UpstreamFault.None, answer.Message) : (UpstreamFault.Unable, null);
        }
        catch (OperationCanceledException)
        {
            return (UpstreamFault.Silent, null);
        }
        catch (SocketException)
        {
            return (UpstreamFault.Absent, null);
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

    private static byte[] KeyOf(byte[] message)
    {
        Span<byte> name = stackalloc byte[DnsLimits.MaxName];
        return DnsQuery.Read(message, name, out DnsQuery query) == DnsQuery.Verdict.Fine
            ? AnswerCache.KeyOf(query)
            : throw new ArgumentException("only a query that was read before is asked elsewhere", nameof(message));
    }

    private static UpstreamQuery Copy(byte[] message)
    {
        Span<byte> name = stackalloc byte[DnsLimits.MaxName];
        return DnsQuery.Read(message, name, out DnsQuery query) == DnsQuery.Verdict.Fine
            ? new UpstreamQuery(query)
            : throw new ArgumentException("only a query that was read before is asked elsewhere", nameof(message));
    }
}
