using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Berth.Network.Dns;

/// <summary>
/// A query as it goes to servers elsewhere: written anew, so that nothing of a client but its question and the flags that change the answer leaves the host, and
/// with a random id. Keeps the client's question for the check of answers.
/// </summary>
internal sealed class UpstreamQuery
{
    private readonly byte[] name;
    private readonly int questionLength;

    public UpstreamQuery(DnsQuery query)
    {
        name = query.Name.ToArray();
        questionLength = query.Question.Length;
        Message = new byte[DnsLimits.HeaderSize + questionLength + (query.HasOptions ? 11 : 0)];
        const ushort Kept = DnsLimits.RecursionDesired | DnsLimits.CheckingDisabled | 0x0020; // AD: RFC 6840, 5.7
        new DnsHeader(0, (ushort)(query.Header.Flags & Kept), 1, 0, 0, query.HasOptions ? 1 : 0).Write(Message);
        query.Question.CopyTo(Message.AsSpan(DnsLimits.HeaderSize));
        if (query.HasOptions)
        {
            DnsWriter.WriteOptions(Message.AsSpan(DnsLimits.HeaderSize + questionLength), query.WantsSignatures, code: 0);
        }

        Renew();
    }

    /// <summary>The bytes to send.</summary>
    public byte[] Message { get; }

    /// <summary>Gives it a new random id: each server is asked with one of its own.</summary>
    public void Renew() => RandomNumberGenerator.Fill(Message.AsSpan(0, 2));

    /// <summary>Whether <paramref name="answer"/> is one to this query: same id, same question. Nothing else in it has been looked at.</summary>
    public bool IsAnswered(ReadOnlySpan<byte> answer)
    {
        if (!DnsHeader.TryRead(answer, out DnsHeader header) || !header.IsResponse || header.Questions != 1 || header.Id != BinaryPrimitives.ReadUInt16BigEndian(Message)
            || (header.Flags & DnsLimits.OpcodeMask) != 0)
        {
            return false;
        }

        Span<byte> buffer = stackalloc byte[DnsLimits.MaxName];
        var reader = new DnsReader(answer);
        ReadOnlySpan<byte> wanted = Message.AsSpan(DnsLimits.HeaderSize + name.Length, 4);
        return reader.TryReadName(buffer, out int length) && buffer[..length].SequenceEqual(name)
            && answer.Length - reader.Position >= 4 && answer.Slice(reader.Position, 4).SequenceEqual(wanted);
    }
}
