using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Berth.Network.Dns;

/// <summary>
/// A query as it goes to servers elsewhere: written anew, so that nothing of a client but its question and the flags that change the answer leaves the host, and
/// with a random id and the name's letters in random case, which servers repeat: what somebody has to guess who wants to forge an answer.
/// </summary>
internal sealed class UpstreamQuery
{
    private readonly int nameLength;
    private readonly int questionLength;

    public UpstreamQuery(DnsQuery query)
    {
        nameLength = query.Name.Length;
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

    private Span<byte> Question => Message.AsSpan(DnsLimits.HeaderSize, questionLength);

    /// <summary>Gives it a new random id and spelling: each server is asked with its own.</summary>
    public void Renew()
    {
        Span<byte> random = stackalloc byte[2 + DnsLimits.MaxName];
        random = random[..(2 + nameLength)];
        RandomNumberGenerator.Fill(random);
        random[..2].CopyTo(Message);
        Span<byte> name = Question[..nameLength];
        for (int i = 0; i < name.Length; i++)
        {
            if (char.IsAsciiLetter((char)name[i])) // no length is one: they are below 'A'
            {
                name[i] = (byte)((name[i] & ~0x20) | (random[2 + i] & 0x20));
            }
        }
    }

    /// <summary>Whether <paramref name="answer"/> is one to this query. Nothing but its head and its question is looked at.</summary>
    public UpstreamMatch Match(ReadOnlySpan<byte> answer)
    {
        if (!DnsHeader.TryRead(answer, out DnsHeader header) || !header.IsResponse || header.Questions != 1 || (header.Flags & DnsLimits.OpcodeMask) != 0)
        {
            return UpstreamMatch.None;
        }

        if (header.Id != BinaryPrimitives.ReadUInt16BigEndian(Message))
        {
            return UpstreamMatch.WrongId;
        }

        // Nothing lies before the question that it could point to: it stands there as it was asked.
        ReadOnlySpan<byte> question = answer[DnsLimits.HeaderSize..];
        if (question.Length < questionLength || !question[nameLength..questionLength].SequenceEqual(Question[nameLength..]))
        {
            return UpstreamMatch.None;
        }

        return question[..nameLength].SequenceEqual(Question[..nameLength]) ? UpstreamMatch.Exact
            : AreEqualButForCase(question[..nameLength], Question[..nameLength]) ? UpstreamMatch.OtherCase
            : UpstreamMatch.None;
    }

    private static bool AreEqualButForCase(ReadOnlySpan<byte> name, ReadOnlySpan<byte> other)
    {
        for (int i = 0; i < name.Length; i++)
        {
            if (name[i] != other[i] && ((name[i] ^ other[i]) != 0x20 || !char.IsAsciiLetter((char)name[i])))
            {
                return false;
            }
        }

        return true;
    }
}
