using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Berth.Model;

namespace Berth.Network.Ipam;

/// <summary>The 48-bit hardware address of a container's interface: of one station (unicast), not zero.</summary>
public readonly record struct MacAddress
{
    private const int Bytes = 6;

    // docker's own prefix: locally administered, chosen by nobody else.
    private const ulong Prefix = 0x0242_0000_0000;

    private MacAddress(ulong value) => Value = value;

    /// <summary>The address as a number, first byte highest; zero for the default value, which is no address.</summary>
    public ulong Value { get; }

    public bool IsEmpty => Value == 0;

    /// <summary>The address docker derives: 02:42 and the four bytes of <paramref name="ipv4"/>, so that no two of one network are alike.</summary>
    public static MacAddress Of(NetAddress ipv4) =>
        ipv4.IsIPv6 ? throw new ArgumentException($"wanted an IPv4 address, got {ipv4}", nameof(ipv4)) : new MacAddress(Prefix | (ulong)ipv4.Value);

    /// <summary>02:42 and four random bytes, for an interface without IPv4 address.</summary>
    public static MacAddress Random()
    {
        Span<byte> bytes = stackalloc byte[4];
        RandomNumberGenerator.Fill(bytes);
        return new MacAddress(Prefix | BinaryPrimitives.ReadUInt32BigEndian(bytes));
    }

    /// <summary>Parses six bytes as 02:42:ac:11:00:02, 02-42-ac-11-00-02 or 0242.ac11.0002.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> when it is not that, is of a group of stations or zero, which no interface takes.</exception>
    public static MacAddress Parse(string text)
    {
        if (!TryRead(text, out ulong value))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"address {text}: invalid MAC address");
        }

        return value != 0 && (value >> 40 & 1) == 0
            ? new MacAddress(value)
            : throw new EngineException(ErrorKind.InvalidArgument, $"address {text}: invalid MAC address: an interface needs a unicast address, its first byte even, that is not zero");
    }

    /// <summary>Writes the six bytes.</summary>
    public void WriteBytes(Span<byte> destination)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Value);
        bytes[2..].CopyTo(destination);
    }

    /// <summary>Lower case with colons; empty for the default value.</summary>
    public override string ToString() =>
        IsEmpty ? "" : $"{(byte)(Value >> 40):x2}:{(byte)(Value >> 32):x2}:{(byte)(Value >> 24):x2}:{(byte)(Value >> 16):x2}:{(byte)(Value >> 8):x2}:{(byte)Value:x2}";

    private static bool TryRead(ReadOnlySpan<char> text, out ulong value)
    {
        value = 0;
        if (text.Length < 14 || (text[2] is not (':' or '-') && text[4] != '.'))
        {
            return false;
        }

        int width = text[4] == '.' ? 4 : 2;
        char separator = text[width];
        if (text.Length != (Bytes * 2) + (Bytes * 2 / width) - 1)
        {
            return false;
        }

        for (int at = 0; at < text.Length; at += width + 1)
        {
            if ((at > 0 && text[at - 1] != separator) || !uint.TryParse(text.Slice(at, width), NumberStyles.AllowHexSpecifier, provider: null, out uint group))
            {
                return false;
            }

            value = (value << (width * 4)) | group;
        }

        return true;
    }
}
