using System.Globalization;
using System.Net;
using Berth.Api;

namespace Berth.Cli.Commands.Networks;

/// <summary>What belongs together of <c>--subnet</c>, <c>--ip-range</c>, <c>--gateway</c> and <c>--aux-address</c>, which each may be given several times.</summary>
internal static class NetworkRanges
{
    /// <summary>One entry for each subnet, with what lies in it.</summary>
    /// <exception cref="CommandFailedException">In docker's words: subnets overlap, something lies in none of them, or two of a kind in one.</exception>
    public static List<NetworkIpamConfig> Combine(List<string> subnets, List<string> ranges, List<string> gateways, Dictionary<string, string> auxiliary)
    {
        if (subnets.Count < ranges.Count || subnets.Count < gateways.Count)
            throw Bad("every ip-range or gateway must have a corresponding subnet");

        var configs = new List<NetworkIpamConfig>();
        foreach (string subnet in subnets)
        {
            if (configs.Exists(other => Contains(subnet, other.Subnet!) || Contains(other.Subnet!, subnet))) // set below
                throw Bad("multiple overlapping subnet configuration is not supported");

            configs.Add(new NetworkIpamConfig { Subnet = subnet });
        }

        foreach (string range in ranges)
        {
            if (!TryParse(range, out _, out _))
                throw Bad("invalid CIDR address: " + range);

            Place(configs, range, "range", static config => config.IPRange, static (config, text) => config.IPRange = text, (old, subnet) => $"cannot configure multiple ranges ({range}, {old}) on the same subnet ({subnet})");
        }

        foreach (string gateway in gateways)
            Place(configs, gateway, "gateway", static config => config.Gateway, static (config, text) => config.Gateway = text, (old, subnet) => $"cannot configure multiple gateways ({gateway}, {old}) for the same subnet ({subnet})");

        foreach ((string name, string address) in auxiliary)
            Place(configs, address, "aux-address", static _ => null, (config, text) => (config.AuxiliaryAddresses ??= [])[name] = text, static (_, _) => "");

        return configs;
    }

    private static void Place(List<NetworkIpamConfig> configs, string text, string kind, Func<NetworkIpamConfig, string?> get, Action<NetworkIpamConfig, string> set, Func<string, string, string> describeSecond)
    {
        bool isPlaced = false;
        foreach (NetworkIpamConfig config in configs.Where(config => Contains(config.Subnet!, text))) // set above
        {
            if (get(config) is { Length: > 0 } old)
                throw Bad(describeSecond(old, config.Subnet!)); // set above

            set(config, text);
            isPlaced = true;
        }

        if (!isPlaced)
            throw Bad($"no matching subnet for {kind} {text}");
    }

    /// <summary>Whether an address, or the address of another subnet, lies in a subnet.</summary>
    private static bool Contains(string subnet, string text)
    {
        if (!TryParse(subnet, out byte[] network, out int bits))
            throw Bad("invalid subnet: invalid CIDR address: " + subnet);

        byte[] address;
        if (!text.Contains('/', StringComparison.Ordinal))
            return TryAddress(text, out address) && IsWithin(address, network, bits);

        return TryParse(text, out address, out _) ? IsWithin(address, network, bits) : throw Bad("invalid CIDR address: " + text);
    }

    private static bool IsWithin(byte[] address, byte[] network, int bits)
    {
        if (address.Length != network.Length)
            return false;

        for (int i = 0; i < bits; i++)
        {
            int mask = 0x80 >> (i % 8);
            if ((address[i / 8] & mask) != (network[i / 8] & mask))
                return false;
        }

        return true;
    }

    private static bool TryParse(string text, out byte[] address, out int bits)
    {
        bits = 0;
        int slash = text.IndexOf('/');
        return TryAddress(slash < 0 ? "" : text[..slash], out address)
            && int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out bits) && bits <= address.Length * 8;
    }

    // Numbers and octal parts, which the framework takes too, are none.
    private static bool TryAddress(string text, out byte[] address)
    {
        bool isAddress = IPAddress.TryParse(text, out IPAddress? parsed) && (text.Contains(':', StringComparison.Ordinal) || parsed.ToString() == text);
        address = isAddress ? parsed!.GetAddressBytes() : []; // parsed when it is one
        return isAddress;
    }

    private static CommandFailedException Bad(string problem) => new(problem, exitCode: 1);
}
