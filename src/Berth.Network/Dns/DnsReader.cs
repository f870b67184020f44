using System.Buffers.Binary;

namespace Berth.Network.Dns;

/// <summary>
/// Walks a message that anybody may have written. Every read is checked against the message's end; names lead backwards only, so that none is endless, and
/// are never longer than the protocol allows, in length and in pointers. After a false nothing more can be read.
/// </summary>
internal ref struct DnsReader(ReadOnlySpan<byte> message, int position = DnsLimits.HeaderSize)
{
    private const byte PointerMark = 0xc0;
    private const int MaxPointers = 127; // as many as the longest name has labels: a writer needs no more than one for each
    private readonly ReadOnlySpan<byte> message = message;

    /// <summary>Where the next read begins.</summary>
    public int Position { get; private set; } = position;

    /// <summary>Reads a name, following its pointers, into <paramref name="name"/> in the form of <see cref="DnsName"/>.</summary>
    /// <param name="name">At least <see cref="DnsLimits.MaxName"/> bytes.</param>
    /// <param name="length">How many of them it takes.</param>
    public bool TryReadName(scoped Span<byte> name, out int length)
    {
        length = 0;
        int at = Position;
        int lowest = at; // a pointer has to lead before everything that was read of this name
        int end = -1;    // where the name ends here, known with the first pointer
        int pointers = 0;
        while (at < message.Length)
        {
            int size = message[at];
            if (size >= PointerMark)
            {
                if (at + 1 >= message.Length)
                {
                    return false;
                }

                int target = BinaryPrimitives.ReadUInt16BigEndian(message[at..]) & 0x3fff;
                if (target >= lowest || target < DnsLimits.HeaderSize || ++pointers > MaxPointers)
                {
                    return false;
                }

                end = end < 0 ? at + 2 : end;
                at = lowest = target;
                continue;
            }

            if (size > DnsLimits.MaxLabel || at + size >= message.Length || length + size + 1 > DnsLimits.MaxName)
            {
                return false;
            }

            CopyLower(message.Slice(at, size + 1), name[length..]);
            length += size + 1;
            at += size + 1;
            if (size == 0)
            {
                Position = end < 0 ? at : end;
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a record's head; its name and its data are passed over.</summary>
    public bool TryReadRecord(out DnsRecord record)
    {
        record = default;
        int start = Position;
        if (!TrySkipName() || message.Length - Position < 10)
        {
            return false;
        }

        ReadOnlySpan<byte> head = message[Position..];
        int length = BinaryPrimitives.ReadUInt16BigEndian(head[8..]);
        int data = Position + 10;
        if (length > message.Length - data)
        {
            return false;
        }

        record = new DnsRecord(start, BinaryPrimitives.ReadUInt16BigEndian(head), BinaryPrimitives.ReadUInt16BigEndian(head[2..]),
            BinaryPrimitives.ReadUInt32BigEndian(head[4..]), Position + 4, data, length);
        Position = data + length;
        return true;
    }

    /// <summary>Reads the two numbers after a question's name.</summary>
    public bool TryReadTypeAndClass(out ushort type, out ushort @class)
    {
        type = @class = 0;
        if (message.Length - Position < 4)
        {
            return false;
        }

        type = BinaryPrimitives.ReadUInt16BigEndian(message[Position..]);
        @class = BinaryPrimitives.ReadUInt16BigEndian(message[(Position + 2)..]);
        Position += 4;
        return true;
    }

    // As far as it stands here: a pointer at its end has to lead backwards, but is not followed.
    private bool TrySkipName()
    {
        int start = Position;
        for (int at = start; at < message.Length;)
        {
            int size = message[at];
            if (size >= PointerMark)
            {
                if (at + 1 >= message.Length)
                {
                    return false;
                }

                int target = BinaryPrimitives.ReadUInt16BigEndian(message[at..]) & 0x3fff;
                Position = at + 2;
                return target >= DnsLimits.HeaderSize && target < start;
            }

            at += size + 1;
            if (size > DnsLimits.MaxLabel || at > message.Length || at - start > DnsLimits.MaxName)
            {
                return false;
            }

            if (size == 0)
            {
                Position = at;
                return true;
            }
        }

        return false;
    }

    // Lengths are below 'A', so that a label is lowered together with its length.
    private static void CopyLower(ReadOnlySpan<byte> source, Span<byte> target)
    {
        for (int i = 0; i < source.Length; i++)
        {
            byte b = source[i];
            target[i] = (uint)(b - 'A') <= 'Z' - 'A' ? (byte)(b | 0x20) : b;
        }
    }
}
