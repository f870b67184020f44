using Berth.Model;

namespace Berth.Network.Ipam;

/// <summary>
/// The addresses of one subnet of a network. Nothing of it is on the disk: it is made from the network's record and <see cref="Restore"/> from those of its
/// running containers. Safe for concurrent use.
/// </summary>
public sealed class AddressPool
{
    private readonly Lock gate = new();
    private readonly HashSet<UInt128> used = [];
    private readonly HashSet<UInt128> kept = []; // of the subnet itself, its gateway and others on the link: never released
    private readonly AddressRange range;
    private UInt128 next;

    /// <summary>Takes the gateway and the auxiliary addresses.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Forbidden"/>: one of them is taken by another or is the subnet's own;
    /// <see cref="ErrorKind.Internal"/>: there is no address for a gateway. In dockerd's words.</exception>
    public AddressPool(AddressPoolConfig config)
    {
        Config = config;
        range = (config.IpRange ?? config.Subnet).Range;
        next = range.First.Value;
        if (config.Subnet.ReservesFirst)
        {
            kept.Add(config.Subnet.Address.Value);
        }

        if (config.Subnet.ReservesLast)
        {
            kept.Add(config.Subnet.Last.Value);
        }

        Gateway = TakeGateway();
        foreach ((string name, NetAddress address) in config.AuxAddresses)
        {
            if (!config.Subnet.Contains(address) || !kept.Add(address.Value))
            {
                throw new EngineException(ErrorKind.Forbidden, $"failed to allocate secondary ip address ({name}:{address}): Address already in use");
            }
        }
    }

    public AddressPoolConfig Config { get; }

    public Subnet Subnet => Config.Subnet;

    /// <summary>The address the containers' default route leads to.</summary>
    public NetAddress Gateway { get; }

    /// <summary>How many addresses endpoints have.</summary>
    public int UsedCount
    {
        get
        {
            lock (gate)
            {
                return used.Count;
            }
        }
    }

    /// <summary>The next free address of the range, in turn: one that was just released comes back only after all others.</summary>
    /// <returns>False when none is left.</returns>
    public bool TryTake(out NetAddress address)
    {
        lock (gate)
        {
            bool found = TryFind(out address);
            if (found)
            {
                used.Add(address.Value);
            }

            return found;
        }
    }

    /// <summary>Takes an address that was asked for, within the range or not.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Forbidden"/>, in dockerd's words: it is taken, or is the subnet's own;
    /// <see cref="ErrorKind.InvalidArgument"/>: it is none of the subnet.</exception>
    public void Take(NetAddress address)
    {
        if (!Subnet.Contains(address))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"Invalid address {address}: It does not belong to any of this network's subnets");
        }

        lock (gate)
        {
            if (kept.Contains(address.Value) || !used.Add(address.Value))
            {
                throw new EngineException(ErrorKind.Forbidden, "Address already in use");
            }
        }
    }

    /// <summary>Notes addresses that endpoints have according to their records, whatever the configuration says of them now; those of other subnets are passed over.</summary>
    public void Restore(IEnumerable<NetAddress> addresses)
    {
        lock (gate)
        {
            used.UnionWith(addresses.Where(Subnet.Contains).Select(static address => address.Value));
        }
    }

    /// <summary>Gives an endpoint's address back. False when none had it, which is no fault: an end that is told twice.</summary>
    public bool Release(NetAddress address)
    {
        lock (gate)
        {
            return Subnet.Contains(address) && used.Remove(address.Value);
        }
    }

    private NetAddress TakeGateway()
    {
        if (Config.Gateway is { } given)
        {
            return Subnet.Contains(given) && kept.Add(given.Value)
                ? given
                : throw new EngineException(ErrorKind.Forbidden, $"failed to allocate gateway ({given}): Address already in use");
        }

        if (!TryFind(out NetAddress first))
        {
            throw new EngineException(ErrorKind.Internal, "failed to allocate gateway (): No available addresses on this pool");
        }

        kept.Add(first.Value);
        return first;
    }

    // Looks at one address more than there are taken ones at most, so at a free one if there is any.
    private bool TryFind(out NetAddress address)
    {
        UInt128 candidate = next;
        for (long steps = (long)used.Count + kept.Count; steps >= 0; steps--)
        {
            UInt128 following = candidate == range.Last.Value ? range.First.Value : candidate + 1;
            if (!kept.Contains(candidate) && !used.Contains(candidate))
            {
                next = following;
                address = range.First.Plus(candidate - range.First.Value);
                return true;
            }

            if (following == next)
            {
                break;
            }

            candidate = following;
        }

        address = default;
        return false;
    }
}
