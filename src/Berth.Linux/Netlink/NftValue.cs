using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Netlink;

/// <summary>A type of values. The number is nft(8)'s, by which it shows them; the kernel takes it for a verdict or not, and minds the length.</summary>
/// <param name="Id">The number.</param>
/// <param name="Length">Bytes.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct NftDataType(uint Id, int Length)
{
    private const int BitsOfType = 6;

    /// <summary>What becomes of a packet: for maps only, and alone.</summary>
    public static NftDataType Verdict { get; } = new(0xFFFFFF00, 16);

    /// <summary><c>ipv4_addr</c>.</summary>
    public static NftDataType Ipv4Address { get; } = new(7, 4);

    /// <summary><c>ipv6_addr</c>.</summary>
    public static NftDataType Ipv6Address { get; } = new(8, 16);

    /// <summary><c>ether_addr</c>.</summary>
    public static NftDataType EthernetAddress { get; } = new(9, 6);

    /// <summary><c>inet_proto</c>.</summary>
    public static NftDataType InetProtocol { get; } = new(12, 1);

    /// <summary><c>inet_service</c>: a port.</summary>
    public static NftDataType InetService { get; } = new(13, 2);

    /// <summary><c>mark</c>.</summary>
    public static NftDataType Mark { get; } = new(19, 4);

    /// <summary><c>iface_index</c>.</summary>
    public static NftDataType InterfaceIndex { get; } = new(20, 4);

    /// <summary><c>ifname</c>.</summary>
    public static NftDataType InterfaceName { get; } = new(41, 16);

    /// <summary>How many bytes several have, each rounded up to a register of four; one alone is as long as it is.</summary>
    internal static int LengthOf(IReadOnlyList<NftDataType> types)
    {
        if (types.Count == 1)
            return types[0].Length;
        int length = 0;
        foreach (NftDataType type in types)
            length += NetlinkWriter.Align(type.Length);
        return length;
    }

    /// <summary>The number for several, as nft(8) packs them.</summary>
    internal static uint IdOf(IReadOnlyList<NftDataType> types)
    {
        uint id = 0;
        foreach (NftDataType type in types)
            id = (id << BitsOfType) | type.Id;
        return id;
    }
}

/// <summary>A value in a rule, a set or a map: bytes as packets have them, compared by content.</summary>
public sealed class NftValue : IEquatable<NftValue>
{
    private const int IFNAMSIZ = 16;
    private readonly byte[] bytes;

    private NftValue(byte[] bytes) => this.bytes = bytes;

    /// <summary>Its bytes.</summary>
    public ReadOnlySpan<byte> Bytes => bytes;

    /// <summary>An address, of 4 or 16 bytes.</summary>
    public static NftValue Of(IPAddress address) => new(address.GetAddressBytes());

    /// <summary>An Ethernet address.</summary>
    public static NftValue Of(MacAddress address)
    {
        var written = new byte[MacAddress.Size];
        address.CopyTo(written);
        return new NftValue(written);
    }

    /// <summary>A port.</summary>
    public static NftValue Service(ushort port)
    {
        var written = new byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16BigEndian(written, port);
        return new NftValue(written);
    }

    /// <summary>TCP, UDP and others.</summary>
    public static NftValue Protocol(ProtocolType protocol) => new([(byte)protocol]);

    /// <summary>The name of a link.</summary>
    /// <exception cref="ArgumentException">Longer than 15 bytes.</exception>
    public static NftValue Interface(string name)
    {
        var written = new byte[IFNAMSIZ];
        return name.Length > 0 && Encoding.UTF8.TryGetBytes(name, written, out int count) && count < IFNAMSIZ
            ? new NftValue(written)
            : throw new ArgumentException($"a link's name has 1 to {IFNAMSIZ - 1} bytes, '{name}' does not");
    }

    /// <summary>A number in the machine's order: marks, indices.</summary>
    public static NftValue Number(uint number)
    {
        var written = new byte[sizeof(uint)];
        MemoryMarshal.Write(written, number);
        return new NftValue(written);
    }

    /// <summary>Several fields one after another, as keys and values of several have them.</summary>
    public static NftValue Concat(params ReadOnlySpan<NftValue> fields)
    {
        int length = 0;
        foreach (NftValue field in fields)
            length += NetlinkWriter.Align(field.bytes.Length);
        var joined = new byte[length];
        int at = 0;
        foreach (NftValue field in fields)
        {
            field.bytes.CopyTo(joined, at);
            at += NetlinkWriter.Align(field.bytes.Length);
        }

        return new NftValue(joined);
    }

    /// <summary>Bytes as they are.</summary>
    public static NftValue FromBytes(ReadOnlySpan<byte> bytes) => new(bytes.ToArray());

    /// <summary>The first and the last address of a network.</summary>
    public static (NftValue First, NftValue Last) RangeOf(IPNetwork network)
    {
        byte[] first = network.BaseAddress.GetAddressBytes(), mask = MaskOf(network), last = new byte[first.Length];
        for (int i = 0; i < first.Length; i++)
            last[i] = (byte)(first[i] | ~mask[i]);
        return (new NftValue(first), new NftValue(last));
    }

    /// <inheritdoc/>
    public bool Equals(NftValue? other) => other is not null && bytes.AsSpan().SequenceEqual(other.bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as NftValue);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        hash.AddBytes(bytes);
        return hash.ToHashCode();
    }

    /// <summary>Hexadecimal digits.</summary>
    public override string ToString() => "0x" + Convert.ToHexStringLower(bytes);

    /// <summary>The bytes of a network's mask.</summary>
    internal static byte[] MaskOf(IPNetwork network)
    {
        var mask = new byte[network.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 ? 16 : 4];
        for (int i = 0; i < network.PrefixLength; i++)
            mask[i / 8] |= (byte)(0x80 >> (i % 8));
        return mask;
    }

    /// <summary>The next number, for what ends before it; null: there is none.</summary>
    internal NftValue? Next()
    {
        byte[] next = [.. bytes];
        for (int i = next.Length - 1; i >= 0; i--)
        {
            if (++next[i] != 0)
                return new NftValue(next);
        }

        return null;
    }

    /// <summary>The number before.</summary>
    internal NftValue Previous()
    {
        byte[] previous = [.. bytes];
        for (int i = previous.Length - 1; i >= 0; i--)
        {
            if (previous[i]-- != 0)
                break;
        }

        return new NftValue(previous);
    }
}
