using Berth.Model;

namespace Berth.Network.Ipam;

/// <summary>What a user wrote about one pool of a network: the texts of the API's IPAM configuration, null or empty where nothing was said.</summary>
public sealed record AddressPoolRequest
{
    public required string Subnet { get; init; }

    public string? IpRange { get; init; }

    public string? Gateway { get; init; }

    public IReadOnlyDictionary<string, string>? AuxAddresses { get; init; }
}

/// <summary>One pool of a network, checked: range, gateway and auxiliary addresses are of its subnet.</summary>
public sealed record AddressPoolConfig
{
    private static readonly Dictionary<string, NetAddress> None = [];

    public required Subnet Subnet { get; init; }

    /// <summary>Where addresses that nobody names are taken from; null is all of the subnet.</summary>
    public Subnet? IpRange { get; init; }

    /// <summary>Null: the first address of the range, chosen by <see cref="AddressPool"/>.</summary>
    public NetAddress? Gateway { get; init; }

    /// <summary>Addresses that others on the link have, by a name of the user's.</summary>
    public IReadOnlyDictionary<string, NetAddress> AuxAddresses { get; init; } = None;

    /// <summary>Checks what was asked for a network's pools, all of it before it complains.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/>: every fault, in dockerd's words, a line each.
    /// <see cref="ErrorKind.Forbidden"/>: two of the pools overlap.</exception>
    public static IReadOnlyList<AddressPoolConfig> Check(IReadOnlyList<AddressPoolRequest> requests)
    {
        var faults = new List<string>();
        var configs = new List<AddressPoolConfig>(requests.Count);
        foreach (AddressPoolRequest request in requests)
        {
            if (Check(request, faults) is { } config)
            {
                configs.Add(config);
            }
        }

        if (faults.Count > 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "invalid network config:\n" + string.Join('\n', faults));
        }

        for (int i = 1; i < configs.Count; i++)
        {
            SubnetChooser.ThrowIfOverlapping(configs[i].Subnet, configs.Take(i).Select(static config => config.Subnet));
        }

        return configs;
    }

    private static AddressPoolConfig? Check(AddressPoolRequest request, List<string> faults)
    {
        if (!Subnet.TryParse(request.Subnet, out Subnet subnet, out bool hasHostBits))
        {
            faults.Add($"invalid subnet {request.Subnet}: invalid CIDR block notation");
            return null;
        }

        if (hasHostBits)
        {
            faults.Add($"invalid subnet {request.Subnet}: it should be {subnet}");
        }

        var aux = new Dictionary<string, NetAddress>(StringComparer.Ordinal);
        foreach ((string name, string text) in request.AuxAddresses ?? new Dictionary<string, string>())
        {
            if (CheckAddress($"invalid auxiliary address {name}", text, subnet, faults) is { } address)
            {
                aux.Add(name, address);
            }
        }

        return new AddressPoolConfig
        {
            Subnet = subnet,
            IpRange = CheckRange(request.IpRange, subnet, faults),
            Gateway = string.IsNullOrEmpty(request.Gateway) ? null : CheckAddress($"invalid gateway {request.Gateway}", request.Gateway, subnet, faults),
            AuxAddresses = aux,
        };
    }

    private static Subnet? CheckRange(string? text, Subnet subnet, List<string> faults)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        string what = $"invalid ip-range {text}: ";
        if (!Subnet.TryParse(text, out Subnet range, out bool hasHostBits))
        {
            faults.Add(what + "invalid CIDR block notation");
            return null;
        }

        if (range.IsIPv6 != subnet.IsIPv6)
        {
            faults.Add(what + WrongFamily(subnet));
            return null;
        }

        if (range.PrefixLength < subnet.PrefixLength)
        {
            faults.Add(what + $"CIDR block is bigger than its parent subnet {subnet}");
        }

        if (hasHostBits)
        {
            faults.Add(what + $"it should be {range}");
        }

        if (!subnet.Overlaps(range))
        {
            faults.Add(what + $"parent subnet {subnet} doesn't contain ip-range");
        }

        return range;
    }

    private static NetAddress? CheckAddress(string what, string text, Subnet subnet, List<string> faults)
    {
        string? fault = !NetAddress.TryParse(text, out NetAddress address) ? "invalid address"
            : address.IsIPv6 != subnet.IsIPv6 ? WrongFamily(subnet)
            : !subnet.Contains(address) ? $"parent subnet {subnet} doesn't contain this address"
            : null;
        if (fault is null)
        {
            return address;
        }

        faults.Add($"{what}: {fault}");
        return null;
    }

    private static string WrongFamily(Subnet subnet) => $"parent subnet is an {(subnet.IsIPv6 ? "IPv6" : "IPv4")} block";
}
