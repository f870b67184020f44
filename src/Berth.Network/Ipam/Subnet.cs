using Berth.Model;

namespace Berth.Network.Ipam;

/// <summary>A block of addresses in CIDR notation, such as 10.1.2.0/24: its host bits are zero (RFC 4632).</summary>
public readonly record struct Subnet : IComparable<Subnet>
{
    private Subnet(NetAddress address, int prefixLength)
    {
        Address = address;
        PrefixLength = prefixLength;
    }

    /// <summary>The block's first address: the network address.</summary>
    public NetAddress Address { get; }

    /// <summary>How many leading bits are common, 0 to 32 or 128.</summary>
    public int PrefixLength { get; }

    public bool IsIPv6 => Address.IsIPv6;

    /// <summary>The block's last address; of an IPv4 subnet with more than two addresses the broadcast address.</summary>
    public NetAddress Last => Make(Address.Value | HostMask(IsIPv6, PrefixLength));

    /// <summary>All its addresses.</summary>
    public AddressRange Range => new(Address, Last);

    /// <summary>
    /// Whether the first address is none for a host: the network address, in IPv6 the routers' anycast address (RFC 4291, 2.6.1). In blocks of one and two
    /// addresses it is one (RFC 3021, RFC 6164).
    /// </summary>
    public bool ReservesFirst => Address.Bits - PrefixLength >= 2;

    /// <summary>Whether the last address is none for a host: IPv4's broadcast address.</summary>
    public bool ReservesLast => !IsIPv6 && ReservesFirst;

    /// <summary>The block of <paramref name="prefixLength"/> that <paramref name="address"/> is in.</summary>
    public static Subnet Of(NetAddress address, int prefixLength)
    {
        if (prefixLength < 0 || prefixLength > address.Bits)
        {
            throw new ArgumentOutOfRangeException(nameof(prefixLength), prefixLength, $"wanted 0 to {address.Bits}");
        }

        UInt128 value = address.Value & ~HostMask(address.IsIPv6, prefixLength);
        return new Subnet(address.IsIPv6 ? NetAddress.IPv6(value) : NetAddress.IPv4((uint)value), prefixLength);
    }

    /// <summary>Parses ADDRESS/LENGTH whose host bits are zero.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> in dockerd's words when it is not, or names a host.</exception>
    public static Subnet Parse(string text) => Parse(text, "subnet");

    /// <summary>As <see cref="Parse(string)"/>, told as an error of <paramref name="what"/>, such as "ip-range".</summary>
    internal static Subnet Parse(string text, string what)
    {
        if (!TryParse(text, out Subnet subnet, out bool hasHostBits))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid {what} {text}: invalid CIDR block notation");
        }

        return hasHostBits ? throw new EngineException(ErrorKind.InvalidArgument, $"invalid {what} {text}: it should be {subnet}") : subnet;
    }

    /// <summary>Parses ADDRESS/LENGTH; false when it is not that. Host bits are cleared and <paramref name="hasHostBits"/> says so.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Subnet subnet, out bool hasHostBits)
    {
        subnet = default;
        hasHostBits = false;
        int slash = text.IndexOf('/');
        if (slash < 0 || !NetAddress.TryParse(text[..slash], out NetAddress address) || !TryParseLength(text[(slash + 1)..], address.Bits, out int length))
        {
            return false;
        }

        subnet = Of(address, length);
        hasHostBits = subnet.Address != address;
        return true;
    }

    /// <summary>The <paramref name="index"/>-th address, counted from zero.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The block has fewer.</exception>
    public NetAddress At(UInt128 index) =>
        index <= HostMask(IsIPv6, PrefixLength) ? Make(Address.Value + index) : throw new ArgumentOutOfRangeException(nameof(index), index, $"{this} has fewer addresses");

    public bool Contains(NetAddress address) => address.IsIPv6 == IsIPv6 && (address.Value & ~HostMask(IsIPv6, PrefixLength)) == Address.Value;

    public bool Contains(Subnet other) => other.PrefixLength >= PrefixLength && Contains(other.Address);

    public bool Overlaps(Subnet other) => Contains(other.Address) || other.Contains(Address);

    /// <inheritdoc/>
    public int CompareTo(Subnet other)
    {
        int byAddress = Address.CompareTo(other.Address);
        return byAddress != 0 ? byAddress : PrefixLength.CompareTo(other.PrefixLength);
    }

    public static bool operator <(Subnet left, Subnet right) => left.CompareTo(right) < 0;

    public static bool operator >(Subnet left, Subnet right) => left.CompareTo(right) > 0;

    public static bool operator <=(Subnet left, Subnet right) => left.CompareTo(right) <= 0;

    public static bool operator >=(Subnet left, Subnet right) => left.CompareTo(right) >= 0;

    public override string ToString() => $"{Address}/{PrefixLength}";

    private static UInt128 HostMask(bool isIPv6, int prefixLength)
    {
        int bits = (isIPv6 ? 128 : 32) - prefixLength;
        return bits == 128 ? UInt128.MaxValue : (UInt128.One << bits) - 1;
    }

    private static bool TryParseLength(ReadOnlySpan<char> text, int most, out int length)
    {
        length = 0;
        if (text.Length is 0 or > 3 || text.ContainsAnyExceptInRange('0', '9') || (text.Length > 1 && text[0] == '0'))
        {
            return false;
        }

        length = int.Parse(text);
        return length <= most;
    }

    private NetAddress Make(UInt128 value) => IsIPv6 ? NetAddress.IPv6(value) : NetAddress.IPv4((uint)value);
}
