using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Berth.Model;

namespace Berth.Network.Ipam;

/// <summary>
/// An IPv4 or IPv6 address as a number: compares, adds and hashes without allocation. IPv4 sorts before IPv6.
/// An IPv6 address that maps an IPv4 one (::ffff:a.b.c.d) stays IPv6.
/// </summary>
public readonly record struct NetAddress : IComparable<NetAddress>
{
    private static readonly SearchValues<char> IPv6Characters = SearchValues.Create("0123456789abcdefABCDEF:");

    private NetAddress(UInt128 value, bool isIPv6)
    {
        Value = value;
        IsIPv6 = isIPv6;
    }

    /// <summary>The address as a number, first byte highest; below 2^32 for IPv4.</summary>
    public UInt128 Value { get; }

    /// <summary>Which family; false is IPv4.</summary>
    public bool IsIPv6 { get; }

    /// <summary>32 or 128.</summary>
    public int Bits => IsIPv6 ? 128 : 32;

    /// <summary>4 or 16.</summary>
    public int ByteCount => IsIPv6 ? 16 : 4;

    /// <summary>127.0.0.0/8 or ::1.</summary>
    public bool IsLoopback => IsIPv6 ? Value == UInt128.One : Value >> 24 == 127;

    /// <summary>224.0.0.0/4 or ff00::/8.</summary>
    public bool IsMulticast => IsIPv6 ? Value >> 120 == 0xff : Value >> 28 == 0xe;

    /// <summary>0.0.0.0 or ::.</summary>
    public bool IsUnspecified => Value == UInt128.Zero;

    /// <summary>An IPv4 address of its number.</summary>
    public static NetAddress IPv4(uint value) => new(value, isIPv6: false);

    /// <summary>An IPv6 address of its number.</summary>
    public static NetAddress IPv6(UInt128 value) => new(value, isIPv6: true);

    /// <summary>An address of its 4 or 16 bytes in network order.</summary>
    public static NetAddress FromBytes(ReadOnlySpan<byte> bytes) => bytes.Length switch
    {
        4 => IPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes)),
        16 => IPv6(BinaryPrimitives.ReadUInt128BigEndian(bytes)),
        _ => throw new ArgumentException($"an address has 4 or 16 bytes, got {bytes.Length}", nameof(bytes)),
    };

    /// <summary>The same address; a scope is dropped.</summary>
    public static NetAddress From(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out int length);
        return FromBytes(bytes[..length]);
    }

    /// <summary>Parses a dotted quad or an IPv6 address (RFC 4291, 2.2) without brackets and scope; leading zeros in a quad are refused, as they are octal to some.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> when it is neither.</exception>
    public static NetAddress Parse(ReadOnlySpan<char> text) =>
        TryParse(text, out NetAddress address) ? address : throw new EngineException(ErrorKind.InvalidArgument, $"invalid IP address \"{text}\": wanted 10.0.0.1 or fd00::1");

    /// <summary>As <see cref="Parse"/>; false when it is no address.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out NetAddress address)
    {
        address = default;
        if (!text.Contains(':'))
        {
            if (!TryParseQuad(text, out uint value))
            {
                return false;
            }

            address = IPv4(value);
            return true;
        }

        int tail = text.IndexOf('.') < 0 ? text.Length : text.LastIndexOf(':') + 1;
        if (text.Length > 45 || text[..tail].ContainsAnyExcept(IPv6Characters) || (tail < text.Length && !TryParseQuad(text[tail..], out _))
            || !IPAddress.TryParse(text, out IPAddress? parsed) || parsed.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return false;
        }

        address = From(parsed);
        return true;
    }

    /// <summary>Writes the 4 or 16 bytes in network order.</summary>
    public void WriteBytes(Span<byte> destination)
    {
        if (IsIPv6)
        {
            BinaryPrimitives.WriteUInt128BigEndian(destination, Value);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)Value);
        }
    }

    /// <summary>The same address for the framework's sockets.</summary>
    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        WriteBytes(bytes);
        return new IPAddress(bytes[..ByteCount]);
    }

    /// <summary>The address <paramref name="offset"/> further on.</summary>
    /// <exception cref="OverflowException">It would be beyond the family's last address.</exception>
    public NetAddress Plus(UInt128 offset)
    {
        UInt128 sum = checked(Value + offset);
        return IsIPv6 || sum <= uint.MaxValue ? new NetAddress(sum, IsIPv6) : throw new OverflowException($"{this} + {offset} is no IPv4 address");
    }

    /// <inheritdoc/>
    public int CompareTo(NetAddress other) => IsIPv6 == other.IsIPv6 ? Value.CompareTo(other.Value) : IsIPv6.CompareTo(other.IsIPv6);

    public static bool operator <(NetAddress left, NetAddress right) => left.CompareTo(right) < 0;

    public static bool operator >(NetAddress left, NetAddress right) => left.CompareTo(right) > 0;

    public static bool operator <=(NetAddress left, NetAddress right) => left.CompareTo(right) <= 0;

    public static bool operator >=(NetAddress left, NetAddress right) => left.CompareTo(right) >= 0;

    /// <summary>A dotted quad, or the text of RFC 5952.</summary>
    public override string ToString() => IsIPv6 ? IPv6Text.Format(Value) : $"{(byte)(Value >> 24)}.{(byte)(Value >> 16)}.{(byte)(Value >> 8)}.{(byte)Value}";

    private static bool TryParseQuad(ReadOnlySpan<char> text, out uint value)
    {
        value = 0;
        int part = 0, digits = 0, parts = 1;
        foreach (char c in text)
        {
            if (c == '.' && digits > 0 && parts < 4)
            {
                value = (value << 8) | (uint)part;
                part = digits = 0;
                parts++;
            }
            else if (char.IsAsciiDigit(c) && !(digits > 0 && part == 0) && (part * 10) + (c - '0') <= byte.MaxValue)
            {
                part = (part * 10) + (c - '0');
                digits++;
            }
            else
            {
                return false;
            }
        }

        value = (value << 8) | (uint)part;
        return parts == 4 && digits > 0;
    }
}
