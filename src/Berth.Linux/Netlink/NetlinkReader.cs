using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Netlink;

/// <summary>A message that was received: its header, and what follows.</summary>
internal readonly ref struct NetlinkMessage
{
    public required ushort Type { get; init; }

    public required NetlinkFlags Flags { get; init; }

    public required uint Sequence { get; init; }

    /// <summary>Whose request caused it; 0: none, or the kernel's own.</summary>
    public required uint Port { get; init; }

    public required ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>The fixed part that the payload begins with.</summary>
    /// <exception cref="InvalidDataException">It is shorter.</exception>
    public T Fixed<T>()
        where T : unmanaged =>
        Payload.Length >= Unsafe.SizeOf<T>()
            ? MemoryMarshal.Read<T>(Payload)
            : throw new InvalidDataException($"netlink message {Type} has {Payload.Length} bytes where {Unsafe.SizeOf<T>()} are needed");

    /// <summary>The attributes behind a fixed part of <paramref name="fixedBytes"/>.</summary>
    /// <exception cref="InvalidDataException">There is less.</exception>
    public NetlinkAttributes Attributes(int fixedBytes)
    {
        int start = NetlinkWriter.Align(fixedBytes);
        return start <= Payload.Length
            ? new NetlinkAttributes(Payload[start..])
            : throw new InvalidDataException($"netlink message {Type} has {Payload.Length} bytes where {start} are needed");
    }
}

/// <summary>The messages of what was received at once. Lengths that do not fit are refused.</summary>
internal ref struct NetlinkMessages(ReadOnlySpan<byte> received)
{
    private ReadOnlySpan<byte> rest = received;
    private NetlinkMessage current;

    public readonly NetlinkMessage Current => current;

    public readonly NetlinkMessages GetEnumerator() => this;

    /// <exception cref="InvalidDataException">What is left is no message.</exception>
    public bool MoveNext()
    {
        if (rest.IsEmpty)
            return false;
        uint length = rest.Length < NetlinkWriter.HeaderBytes ? 0 : MemoryMarshal.Read<uint>(rest);
        if (length < NetlinkWriter.HeaderBytes || length > (uint)rest.Length)
            throw new InvalidDataException($"netlink message of {length} bytes where there are {rest.Length}");
        current = new NetlinkMessage
        {
            Type = MemoryMarshal.Read<ushort>(rest[4..]),
            Flags = (NetlinkFlags)MemoryMarshal.Read<ushort>(rest[6..]),
            Sequence = MemoryMarshal.Read<uint>(rest[8..]),
            Port = MemoryMarshal.Read<uint>(rest[12..]),
            Payload = rest[NetlinkWriter.HeaderBytes..(int)length],
        };
        rest = rest[Math.Min(NetlinkWriter.Align((int)length), rest.Length)..];
        return true;
    }
}

/// <summary>One attribute; its value is checked when it is read as something.</summary>
internal readonly ref struct NetlinkAttribute(int type, ReadOnlySpan<byte> value)
{
    /// <summary>Its number, without the bits for nesting and byte order.</summary>
    public int Type { get; } = type;

    public ReadOnlySpan<byte> Value { get; } = value;

    public NetlinkAttributes Nested => new(Value);

    public byte Byte => Sized(sizeof(byte))[0];

    public ushort UInt16 => MemoryMarshal.Read<ushort>(Sized(sizeof(ushort)));

    public uint UInt32 => MemoryMarshal.Read<uint>(Sized(sizeof(uint)));

    public int Int32 => MemoryMarshal.Read<int>(Sized(sizeof(int)));

    public uint UInt32BigEndian => BinaryPrimitives.ReadUInt32BigEndian(Sized(sizeof(uint)));

    public ulong UInt64BigEndian => BinaryPrimitives.ReadUInt64BigEndian(Sized(sizeof(ulong)));

    /// <summary>Text up to its first zero.</summary>
    public string Text
    {
        get
        {
            int end = Value.IndexOf((byte)0);
            return Encoding.UTF8.GetString(end < 0 ? Value : Value[..end]);
        }
    }

    private ReadOnlySpan<byte> Sized(int bytes) =>
        Value.Length >= bytes ? Value : throw new InvalidDataException($"netlink attribute {Type} has {Value.Length} bytes where {bytes} are needed");
}

/// <summary>Attributes one after another. Lengths that do not fit are refused.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    private const int HeaderBytes = 4, TypeMask = 0x3FFF;
    private ReadOnlySpan<byte> rest = bytes;
    private NetlinkAttribute current;

    public readonly NetlinkAttribute Current => current;

    public readonly NetlinkAttributes GetEnumerator() => this;

    /// <exception cref="InvalidDataException">What is left is no attribute.</exception>
    public bool MoveNext()
    {
        // Fewer bytes than a header are padding (nla_ok() of the kernel).
        if (rest.Length < HeaderBytes)
            return false;
        int length = MemoryMarshal.Read<ushort>(rest);
        if (length < HeaderBytes || length > rest.Length)
            throw new InvalidDataException($"netlink attribute of {length} bytes where there are {rest.Length}");
        current = new NetlinkAttribute(MemoryMarshal.Read<ushort>(rest[2..]) & TypeMask, rest[HeaderBytes..length]);
        rest = rest[Math.Min(NetlinkWriter.Align(length), rest.Length)..];
        return true;
    }
}
