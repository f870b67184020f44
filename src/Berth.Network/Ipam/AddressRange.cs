namespace Berth.Network.Ipam;

/// <summary>Addresses of one family from <see cref="First"/> to <see cref="Last"/>, both included.</summary>
public readonly record struct AddressRange
{
    /// <exception cref="ArgumentException">The two are of different families or in the wrong order.</exception>
    public AddressRange(NetAddress first, NetAddress last)
    {
        if (first.IsIPv6 != last.IsIPv6 || first > last)
        {
            throw new ArgumentException($"{first}-{last} is no range of addresses");
        }

        First = first;
        Last = last;
    }

    public NetAddress First { get; }

    public NetAddress Last { get; }

    /// <summary>How many addresses; 2^128 does not fit and is given as one less.</summary>
    public UInt128 Count => Last.Value - First.Value == UInt128.MaxValue ? UInt128.MaxValue : Last.Value - First.Value + 1;

    public bool Contains(NetAddress address) => address.IsIPv6 == First.IsIPv6 && First <= address && address <= Last;

    public bool Contains(AddressRange other) => Contains(other.First) && Contains(other.Last);

    public bool Overlaps(AddressRange other) => First.IsIPv6 == other.First.IsIPv6 && First <= other.Last && other.First <= Last;

    public override string ToString() => $"{First}-{Last}";
}
