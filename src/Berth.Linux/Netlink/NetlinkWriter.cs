using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Netlink;

/// <summary>Builds netlink messages one after another in a pooled buffer: headers, attributes, nested attributes, padding. Not safe for several threads.</summary>
/// <remarks>Layout: netlink(7), rtnetlink(7). Numbers are in the machine's order unless a method says otherwise.</remarks>
internal sealed class NetlinkWriter : IDisposable
{
    /// <summary>struct nlmsghdr.</summary>
    public const int HeaderBytes = 16;

    private const int AttributeHeaderBytes = 4, NLA_F_NESTED = 0x8000;
    private byte[] buffer = ArrayPool<byte>.Shared.Rent(4096);
    private int message = -1, last;

    /// <summary>Bytes that are written so far.</summary>
    public int Length { get; private set; }

    /// <summary>How many messages were begun.</summary>
    public int Messages { get; private set; }

    /// <summary>What is written so far; valid until the next write.</summary>
    public Span<byte> Written => buffer.AsSpan(0, Length);

    /// <summary>Begins a message, whose number is set when it is sent.</summary>
    public void Begin(ushort type, NetlinkFlags flags)
    {
        if (message >= 0)
            throw new InvalidOperationException("the message before was not ended");
        message = last = Length;
        Messages++;
        Span<byte> header = Append(HeaderBytes);
        MemoryMarshal.Write(header[4..], type);
        MemoryMarshal.Write(header[6..], (ushort)(flags | NetlinkFlags.Request));
    }

    /// <summary>Ends the message: its length is known now.</summary>
    public void End()
    {
        if (message < 0)
            throw new InvalidOperationException("no message was begun");
        MemoryMarshal.Write(buffer.AsSpan(message), Length - message);
        message = -1;
    }

    /// <summary>Wants the message that was begun last to be acknowledged.</summary>
    public void Acknowledge()
    {
        Span<byte> flags = buffer.AsSpan(last + 6);
        MemoryMarshal.Write(flags, (ushort)(MemoryMarshal.Read<ushort>(flags) | (ushort)NetlinkFlags.Ack));
    }

    /// <summary>Numbers the messages one by one from <paramref name="first"/> on.</summary>
    public void Number(uint first)
    {
        for (int at = 0; at < Length; at += Align(MemoryMarshal.Read<int>(buffer.AsSpan(at))))
            MemoryMarshal.Write(buffer.AsSpan(at + 8), first++);
    }

    /// <summary>Forgets everything, so that the buffer serves once more.</summary>
    public void Clear()
    {
        Length = Messages = last = 0;
        message = -1;
    }

    /// <summary>A fixed part such as struct ifinfomsg.</summary>
    public void Fixed<T>(in T value)
        where T : unmanaged => MemoryMarshal.Write(Append(Align(Unsafe.SizeOf<T>())), value);

    /// <summary>Zeroed bytes to fill; their number is rounded up to four.</summary>
    public Span<byte> Append(int bytes)
    {
        int size = Align(bytes);
        if (Length + size > buffer.Length)
            Grow(Length + size);
        Span<byte> added = buffer.AsSpan(Length, size);
        added.Clear();
        Length += size;
        return added;
    }

    /// <summary>An attribute without content.</summary>
    public void Flag(int type) => Attribute(type, 0);

    /// <summary>An attribute of bytes.</summary>
    public void Bytes(int type, ReadOnlySpan<byte> value) => value.CopyTo(Attribute(type, value.Length));

    /// <summary>An attribute of one byte.</summary>
    public void Byte(int type, byte value) => Attribute(type, 1)[0] = value;

    /// <summary>An attribute of two bytes.</summary>
    public void UInt16(int type, ushort value) => MemoryMarshal.Write(Attribute(type, sizeof(ushort)), value);

    /// <summary>An attribute of two bytes, most significant first.</summary>
    public void UInt16BigEndian(int type, ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Attribute(type, sizeof(ushort)), value);

    /// <summary>An attribute of four bytes.</summary>
    public void UInt32(int type, uint value) => MemoryMarshal.Write(Attribute(type, sizeof(uint)), value);

    /// <summary>An attribute of four bytes.</summary>
    public void Int32(int type, int value) => MemoryMarshal.Write(Attribute(type, sizeof(int)), value);

    /// <summary>An attribute of four bytes, most significant first, as nf_tables has them.</summary>
    public void UInt32BigEndian(int type, uint value) => BinaryPrimitives.WriteUInt32BigEndian(Attribute(type, sizeof(uint)), value);

    /// <summary>An attribute of eight bytes, most significant first.</summary>
    public void UInt64BigEndian(int type, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Attribute(type, sizeof(ulong)), value);

    /// <summary>Text with a zero at its end.</summary>
    /// <exception cref="ArgumentException">A zero within: the kernel would not see the rest.</exception>
    public void Text(int type, string value)
    {
        if (value.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException($"a name that the kernel is to see has no zero character: '{value.Replace("\0", "\\0", StringComparison.Ordinal)}'");
        int bytes = Encoding.UTF8.GetByteCount(value);
        Encoding.UTF8.GetBytes(value, Attribute(type, bytes + 1));
    }

    /// <summary>Begins a nested attribute, which ends when what is returned is disposed.</summary>
    public Nest Nested(int type)
    {
        int start = Length;
        MemoryMarshal.Write(Append(AttributeHeaderBytes)[2..], (ushort)(type | NLA_F_NESTED));
        return new Nest(this, start);
    }

    /// <summary>Messages or attributes that another one holds.</summary>
    public void Copy(ReadOnlySpan<byte> written) => written.CopyTo(Append(written.Length));

    /// <summary>Gives the buffer back.</summary>
    public void Dispose()
    {
        byte[] old = buffer;
        buffer = [];
        Clear();
        if (old.Length > 0)
            ArrayPool<byte>.Shared.Return(old);
    }

    /// <summary>A length rounded up to where the next thing begins.</summary>
    public static int Align(int bytes) => checked(bytes + 3) & ~3;

    // The content of a new attribute, without the padding behind.
    private Span<byte> Attribute(int type, int bytes)
    {
        if (bytes > ushort.MaxValue - AttributeHeaderBytes)
            throw new ArgumentException($"attribute {type} has {bytes} bytes, and there is room for {ushort.MaxValue - AttributeHeaderBytes}");
        Span<byte> attribute = Append(AttributeHeaderBytes + bytes);
        MemoryMarshal.Write(attribute, (ushort)(AttributeHeaderBytes + bytes));
        MemoryMarshal.Write(attribute[2..], (ushort)type);
        return attribute.Slice(AttributeHeaderBytes, bytes);
    }

    private void EndNest(int start)
    {
        int length = Length - start;
        if (length > ushort.MaxValue)
            throw new ArgumentException($"a nested attribute has {length} bytes, and there is room for {ushort.MaxValue}");
        MemoryMarshal.Write(buffer.AsSpan(start), (ushort)length);
    }

    private void Grow(int least)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(least, buffer.Length * 2));
        Written.CopyTo(larger);
        byte[] old = buffer;
        buffer = larger;
        if (old.Length > 0)
            ArrayPool<byte>.Shared.Return(old);
    }

    /// <summary>A nested attribute that is being written.</summary>
    public readonly ref struct Nest(NetlinkWriter writer, int start)
    {
        /// <summary>Ends it.</summary>
        public void Dispose() => writer.EndNest(start);
    }
}
