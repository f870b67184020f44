using System.Buffers.Binary;

namespace Berth.Network.Dns;

/// <summary>What becomes of a message.</summary>
internal enum ResolverOutcome
{
    /// <summary>There is nothing to send.</summary>
    Ignored,

    /// <summary>The answer is written.</summary>
    Answered,

    /// <summary>Servers elsewhere have to be asked: <see cref="Resolver.ForwardAsync"/>.</summary>
    Elsewhere,
}

/// <summary>Answers one message of one container: out of the tables of its networks, what is kept of other servers' answers, or by asking them. Holds no state.</summary>
internal static class Resolver
{
    /// <summary>Answers at once if possible.</summary>
    /// <param name="message">What came.</param>
    /// <param name="scope">The container's.</param>
    /// <param name="isStream">Whether the client came over TCP, where nothing is cut.</param>
    /// <param name="response">Room for the answer; over TCP the longest possible.</param>
    /// <param name="length">How much of it is to be sent.</param>
    public static ResolverOutcome Answer(ReadOnlySpan<byte> message, NameScope scope, bool isStream, Span<byte> response, out int length)
    {
        length = 0;
        Span<byte> name = stackalloc byte[DnsLimits.MaxName];
        DnsQuery.Verdict verdict = DnsQuery.Read(message, name, out DnsQuery query);
        if (verdict == DnsQuery.Verdict.Ignore)
        {
            return ResolverOutcome.Ignored;
        }

        int limit = isStream ? response.Length : query.DatagramSize;
        if (verdict == DnsQuery.Verdict.Wrong)
        {
            length = new DnsWriter(response, query, limit).Finish(query.Error);
            return ResolverOutcome.Answered;
        }

        length = LocalResolver.Answer(query, scope, response, limit);
        if (length > 0)
        {
            return ResolverOutcome.Answered;
        }

        if (scope.Upstreams is null)
        {
            length = new DnsWriter(response, query, limit).Finish(ResponseCode.ServerFailure);
            return ResolverOutcome.Answered;
        }

        length = scope.Upstreams.Cache.Find(query, response);
        if (length == 0)
        {
            return ResolverOutcome.Elsewhere;
        }

        length = Adapt(query, response, length, limit);
        return ResolverOutcome.Answered;
    }

    /// <summary>Asks the servers of <paramref name="upstreams"/> what <see cref="Answer"/> could not answer.</summary>
    /// <returns>The answer, a failure when there is none.</returns>
    public static async Task<byte[]> ForwardAsync(byte[] message, UpstreamGroup upstreams, bool isStream, CancellationToken cancellationToken)
    {
        byte[]? answer = await upstreams.AskAsync(message, cancellationToken);
        return Finish(message, answer, isStream);
    }

    /// <summary>The answer to a query that was read before and that nobody is going to answer (SERVFAIL).</summary>
    public static byte[] Fail(byte[] message) => Finish(message, answer: null, isStream: false);

    private static byte[] Finish(byte[] message, byte[]? answer, bool isStream)
    {
        Span<byte> name = stackalloc byte[DnsLimits.MaxName];
        if (DnsQuery.Read(message, name, out DnsQuery query) != DnsQuery.Verdict.Fine)
        {
            throw new ArgumentException("only a query that was read before is asked elsewhere", nameof(message));
        }

        if (answer is null)
        {
            byte[] failure = new byte[DnsLimits.PlainDatagram];
            return failure[..new DnsWriter(failure, query, failure.Length).Finish(ResponseCode.ServerFailure)];
        }

        byte[] copy = [.. answer]; // the cache has the other
        return copy[..Adapt(query, copy, copy.Length, isStream ? DnsLimits.MaxMessage : query.DatagramSize)];
    }

    // Makes another server's answer one to this client: its id, its spelling of the name, no longer than it takes.
    private static int Adapt(DnsQuery query, Span<byte> response, int length, int limit)
    {
        if (length > limit)
        {
            return new DnsWriter(response, query, limit).Finish(ResponseCode.NoError, truncate: true);
        }

        BinaryPrimitives.WriteUInt16BigEndian(response, query.Header.Id);
        query.Question.CopyTo(response[DnsLimits.HeaderSize..]);
        return length;
    }
}
