using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Engine.Networks;

/// <summary>Link-local addresses that a container's user chose for one of its links: docker's <c>--link-local-ip</c>. Nobody hands them out or looks whether they are taken.</summary>
public static class LinkLocalAddresses
{
    private static readonly Subnet IPv4 = Subnet.Parse("169.254.0.0/16");

    /// <exception cref="EngineException">InvalidArgument, in docker's words: it is no address, or none of 169.254.0.0/16 or fe80::/10.</exception>
    public static void Check(string text)
    {
        if (!NetAddress.TryParse(text, out NetAddress address))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"Invalid link-local IP address: {text}");
        }

        if (!(address.IsIPv6 ? address.ToIPAddress().IsIPv6LinkLocal : IPv4.Contains(address)))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid link local IP address: {text}");
        }
    }

    /// <exception cref="EngineException">InvalidArgument: one is of IPv6, and the network has none.</exception>
    internal static void Check(EndpointConfig config, NetworkConfig network)
    {
        if (!network.EnableIPv6 && config.LinkLocal.FirstOrDefault(static text => NetAddress.Parse(text).IsIPv6) is { } address)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the link-local address {address} is of IPv6, and network {network.Name} has no IPv6");
        }
    }

    /// <summary>The addresses, each with the subnet that its link has for it: 16 bits of IPv4, 64 of IPv6, as docker's.</summary>
    internal static IReadOnlyList<(NetAddress Address, Subnet Subnet)> Of(EndpointConfig config) =>
        [.. config.LinkLocal.Select(static text => NetAddress.Parse(text)).Select(static address => (address, address.IsIPv6 ? Subnet.Of(address, 64) : IPv4))];
}
