using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Drivers.Remote;

/// <summary>What plugins answer, checked.</summary>
internal static class RemoteAnswers
{
    private const int MaxInterfaceName = 15, MaxRoutes = 1000;

    /// <summary>Adds what a plugin gave to what an endpoint has.</summary>
    /// <exception cref="EngineException">Internal: it gave what was there already, or no addresses.</exception>
    public static RemoteEndpoint Merge(RemoteEndpoint endpoint, InterfaceMessage known, InterfaceMessage added)
    {
        const string method = "NetworkDriver.CreateEndpoint";
        (NetAddress Address, int Length)? ipv4 = One("Address", known.Address, added.Address, isIPv6: false), ipv6 = One("AddressIPv6", known.AddressIPv6, added.AddressIPv6, isIPv6: true);
        return endpoint with
        {
            Addresses = new EndpointAddresses { IPv4 = ipv4?.Address ?? endpoint.Addresses.IPv4, IPv6 = ipv6?.Address ?? endpoint.Addresses.IPv6, Mac = MacOf() },
            IPv4PrefixLength = ipv4?.Length ?? endpoint.IPv4PrefixLength,
            IPv6PrefixLength = ipv6?.Length ?? endpoint.IPv6PrefixLength,
        };

        (NetAddress, int)? One(string member, string had, string got, bool isIPv6)
        {
            if (got.Length == 0)
            {
                return null;
            }

            ThrowIfHad(member, had, got);
            return ParseAddress(got) is { } address && address.Address.IsIPv6 == isIPv6 ? address : throw Nonsense(endpoint.Driver, method, member, got, "an address with a prefix length, such as 10.1.2.3/24");
        }

        Ipam.MacAddress MacOf()
        {
            if (added.MacAddress.Length == 0)
            {
                return endpoint.Addresses.Mac;
            }

            ThrowIfHad("MacAddress", known.MacAddress, added.MacAddress);
            return ParseMac(endpoint.Driver, added.MacAddress);
        }

        void ThrowIfHad(string member, string had, string got)
        {
            if (had.Length > 0)
            {
                throw new EngineException(ErrorKind.Internal, $"plugin \"{endpoint.Driver}\": {method}: it answered with {member} {got}, and the endpoint has {had} already; it may give only what is missing");
            }
        }
    }

    /// <summary>The answer to a join.</summary>
    /// <exception cref="EngineException">Internal: an address, a route or a name is none.</exception>
    public static RemoteJoin Read(RemoteEndpoint endpoint, JoinAnswer answer)
    {
        const string method = "NetworkDriver.Join";
        string source = answer.InterfaceName?.SrcName ?? "", prefix = answer.InterfaceName?.DstPrefix ?? "";
        if (source.Length > 0)
        {
            CheckName("InterfaceName.SrcName", source, MaxInterfaceName);
        }

        if (prefix.Length > 0)
        {
            CheckName("InterfaceName.DstPrefix", prefix, MaxInterfaceName - 4);
        }

        if (answer.StaticRoutes.Count > MaxRoutes)
        {
            throw Nonsense(endpoint.Driver, method, "StaticRoutes", $"{answer.StaticRoutes.Count} of them", $"{MaxRoutes} at most");
        }

        return new RemoteJoin(prefix, new RemoteLink
        {
            Source = source,
            IPv4Gateway = Gateway("Gateway", answer.Gateway, isIPv6: false),
            IPv6Gateway = Gateway("GatewayIPv6", answer.GatewayIPv6, isIPv6: true),
            IPv4PrefixLength = endpoint.IPv4PrefixLength,
            IPv6PrefixLength = endpoint.IPv6PrefixLength,
            Routes = [.. answer.StaticRoutes.Select(Route)],
        });

        NetAddress? Gateway(string member, string text, bool isIPv6) =>
            text.Length == 0 ? null
            : NetAddress.TryParse(text, out NetAddress address) && address.IsIPv6 == isIPv6 ? address
            : throw Nonsense(endpoint.Driver, method, member, text, isIPv6 ? "an IPv6 address" : "an IPv4 address");

        (Subnet, NetAddress?) Route(RouteMessage? route)
        {
            if (route is null)
            {
                throw Nonsense(endpoint.Driver, method, "StaticRoutes", "null", "an object with Destination, RouteType and NextHop");
            }

            if (!Subnet.TryParse(route.Destination, out Subnet destination, out _))
            {
                throw Nonsense(endpoint.Driver, method, "StaticRoutes.Destination", route.Destination, "a network, such as 10.1.0.0/16");
            }

            if (route.RouteType is not (0 or 1))
            {
                throw Nonsense(endpoint.Driver, method, "StaticRoutes.RouteType", route.RouteType.ToString(System.Globalization.CultureInfo.InvariantCulture), "0 (next hop) or 1 (connected)");
            }

            if (route.RouteType == 1)
            {
                return (destination, null);
            }

            return NetAddress.TryParse(route.NextHop, out NetAddress hop) && hop.IsIPv6 == destination.IsIPv6
                ? (destination, hop)
                : throw Nonsense(endpoint.Driver, method, "StaticRoutes.NextHop", route.NextHop, "an address of the destination's family");
        }

        void CheckName(string member, string name, int longest)
        {
            if (name.Length > longest || name is "." or ".." || name.Any(static c => c is '/' or ':' or '%' || char.IsWhiteSpace(c) || !char.IsAscii(c) || char.IsControl(c)))
            {
                throw Nonsense(endpoint.Driver, method, member, name, $"an interface name of at most {longest} characters");
            }
        }
    }

    /// <summary>Reads ADDRESS/LENGTH; null when it is not that.</summary>
    public static (NetAddress Address, int Length)? ParseAddress(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && Subnet.TryParse(text, out Subnet subnet, out _) && NetAddress.TryParse(text.AsSpan(0, slash), out NetAddress address) ? (address, subnet.PrefixLength) : null;
    }

    /// <summary>An answer that makes no sense.</summary>
    public static EngineException Nonsense(string plugin, string method, string member, string got, string wanted) =>
        new(ErrorKind.Internal, $"plugin \"{plugin}\": {method}: invalid {member} \"{(got.Length > 200 ? got[..200] + "..." : got)}\" in the answer; wanted {wanted}");

    private static Ipam.MacAddress ParseMac(string plugin, string text)
    {
        try
        {
            return Ipam.MacAddress.Parse(text);
        }
        catch (EngineException)
        {
            throw Nonsense(plugin, "NetworkDriver.CreateEndpoint", "MacAddress", text, "six bytes, such as 02:42:ac:11:00:02");
        }
    }
}
