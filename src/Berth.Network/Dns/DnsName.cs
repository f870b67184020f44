using System.Diagnostics.CodeAnalysis;
using System.Text;
using Berth.Network.Ipam;

namespace Berth.Network.Dns;

/// <summary>
/// Domain names in the form that tables and caches have them in: as on the wire, uncompressed, with ASCII letters in lower case. In it a name is equal to
/// another exactly when its bytes are, and labels may hold any byte, a dot too.
/// </summary>
internal static class DnsName
{
    /// <summary>A name written with dots, one at its end or not; false when it is empty or too long for the protocol.</summary>
    /// <param name="text">The name.</param>
    /// <param name="name">The same on the wire.</param>
    /// <param name="keepCase">For a name that is shown, not looked for.</param>
    public static bool TryEncode(string text, [NotNullWhen(true)] out byte[]? name, bool keepCase = false)
    {
        name = null;
        ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.EndsWith("."u8))
        {
            bytes = bytes[..^1];
        }

        if (bytes.IsEmpty || bytes.Length > DnsLimits.MaxName - 2)
        {
            return false;
        }

        byte[] encoded = new byte[bytes.Length + 2];
        int at = 0;
        foreach (Range label in bytes.Split((byte)'.'))
        {
            ReadOnlySpan<byte> part = bytes[label];
            if (part.IsEmpty || part.Length > DnsLimits.MaxLabel)
            {
                return false;
            }

            encoded[at++] = (byte)part.Length;
            foreach (byte b in part)
            {
                encoded[at++] = keepCase || !char.IsAsciiLetterUpper((char)b) ? b : (byte)(b | 0x20);
            }
        }

        name = encoded;
        return true;
    }

    /// <summary>The name under which PTR records of an address are kept (RFC 1035, 3.5; RFC 3596, 2.5).</summary>
    public static byte[] ReverseOf(NetAddress address)
    {
        var text = new StringBuilder(80);
        if (address.IsIPv6)
        {
            for (int shift = 0; shift < 128; shift += 4)
            {
                text.Append($"{(int)(address.Value >> shift) & 0xf:x}.");
            }

            text.Append("ip6.arpa");
        }
        else
        {
            text.Append($"{(byte)address.Value}.{(byte)(address.Value >> 8)}.{(byte)(address.Value >> 16)}.{(byte)(address.Value >> 24)}.in-addr.arpa");
        }

        return TryEncode(text.ToString(), out byte[]? name) ? name : throw new InvalidOperationException($"{text} is no domain name");
    }
}

/// <summary>Compares names by their bytes, and finds them by a span without a copy. Hashes differ from process to process, so that nobody can choose names that collide.</summary>
internal sealed class DnsNameComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    public static readonly DnsNameComparer Instance = new();

    public bool Equals(byte[]? x, byte[]? y) => x is null ? y is null : y is not null && x.AsSpan().SequenceEqual(y);

    public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

    public int GetHashCode(ReadOnlySpan<byte> alternate)
    {
        var hash = new HashCode();
        hash.AddBytes(alternate);
        return hash.ToHashCode();
    }

    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
}
