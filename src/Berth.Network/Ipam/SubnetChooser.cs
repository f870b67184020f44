using Berth.Model;

namespace Berth.Network.Ipam;

/// <summary>Chooses the pool of a network that names none, and refuses one that another network has. Holds no state: what is taken is handed in.</summary>
public sealed class SubnetChooser(IReadOnlyList<AddressPoolSource> sources)
{
    /// <summary>The first free block in the order of the sources.</summary>
    /// <param name="isIPv6">Of which family.</param>
    /// <param name="networks">The subnets of the other networks, of either family.</param>
    /// <param name="host">
    /// The host's routes and addresses (an address as its subnet). Routes of /0 and /1 are the way to everything, not a place, and rule nothing out: the default
    /// route, and the two halves by which a VPN takes its place.
    /// </param>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/> in dockerd's words when none is free.</exception>
    public Subnet Choose(bool isIPv6, IEnumerable<Subnet> networks, IEnumerable<Subnet> host)
    {
        Subnet[] taken = [.. networks.Concat(host.Where(static route => route.PrefixLength > 1)).Where(subnet => subnet.IsIPv6 == isIPv6).Order()];
        foreach (AddressPoolSource source in sources)
        {
            if (source.Base.IsIPv6 == isIPv6 && FindFree(source, taken) is { } free)
            {
                return free;
            }
        }

        throw new EngineException(ErrorKind.Internal,
            $"could not find an available, non-overlapping {(isIPv6 ? "IPv6" : "IPv4")} address pool among the defaults to assign to the network");
    }

    /// <summary>Refuses <paramref name="wanted"/>, a pool that a user named, when it overlaps another network's. The host's routes do not rule it out: macvlan networks share their link's.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Forbidden"/> in dockerd's words.</exception>
    public static void ThrowIfOverlapping(Subnet wanted, IEnumerable<Subnet> networks)
    {
        if (networks.Any(wanted.Overlaps))
        {
            throw new EngineException(ErrorKind.Forbidden, "Pool overlaps with other one on this address space");
        }
    }

    // One pass: both the candidate and the taken blocks, sorted, only move on. Blocks of subnets nest or are apart, so one that begins earlier and is wider comes first.
    private static Subnet? FindFree(AddressPoolSource source, Subnet[] taken)
    {
        UInt128 candidate = source.Base.Address.Value;
        UInt128 last = source.Base.Last.Value;
        UInt128 step = UInt128.One << (source.Base.Address.Bits - source.Size);
        foreach (Subnet block in taken)
        {
            UInt128 end = block.Last.Value;
            if (end < candidate)
            {
                continue;
            }

            if (block.Address.Value > candidate + (step - 1))
            {
                break;
            }

            UInt128 next = (end | (step - 1)) + 1; // zero when the block ends with the family's last address
            if (next == UInt128.Zero || next > last)
            {
                return null;
            }

            candidate = next;
        }

        return Subnet.Of(source.Base.IsIPv6 ? NetAddress.IPv6(candidate) : NetAddress.IPv4((uint)candidate), source.Size);
    }
}
