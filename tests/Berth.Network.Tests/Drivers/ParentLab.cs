using System.Net;
using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Ipvlan;
using Berth.Network.Drivers.Macvlan;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Drivers;

/// <summary>Networks on the lab's link to the outside, with addresses that the outside has, too, and containers in them.</summary>
internal static class ParentLab
{
    public const string Parent = "wan";

    public static MacvlanPlan Macvlan(int number, string parent = Parent, MacvlanSharing mode = MacvlanSharing.Bridge)
    {
        var plan = new MacvlanPlan { Id = HostLab.Id(number), Parent = parent, Mode = mode, Pools = Pools() };
        return parent.Length > 0 ? plan : plan with { Parent = plan.IsolatedParent };
    }

    public static IpvlanPlan Ipvlan(int number, string parent = Parent, IpvlanLayer mode = IpvlanLayer.L2) =>
        new() { Id = HostLab.Id(number), Parent = parent, Mode = mode, Pools = Pools() };

    /// <summary>A container with the address that ends with <paramref name="number"/>, with servers on ports 80 and 81.</summary>
    public static LabContainer RunOn(this HostLab lab, NetworkPlan network, int number, Func<EndpointPlan, EndpointPlan>? change = null, FileDescriptor? sandbox = null)
    {
        EndpointPlan plan = HostLab.EndpointOf(network, number);
        plan = change?.Invoke(plan) ?? plan;
        FileDescriptor inside = sandbox ?? lab.Own(HostNetwork.CreateSandbox());
        lab.Network.Connect(plan, inside);
        if (sandbox is null)
        {
            lab.Serve(inside, number, 80);
            lab.Serve(inside, number, 81);
        }

        return new LabContainer(inside, plan);
    }

    /// <summary>The names of links, somewhere.</summary>
    public static string[] LinksIn(FileDescriptor there)
    {
        using NetlinkSocket route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, there);
        return [.. Links.List(route).Select(static link => link.Name).Except(["lo", "sit0", "ip6tnl0", "tunl0"], StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    public static string DefaultRoute(this HostLab lab, FileDescriptor inside, string family = "-4") =>
        lab.OutputIn(inside, "ip", family, "route", "show", "default").Replace("default ", "", StringComparison.Ordinal).Trim();

    /// <summary>Whether this kernel makes links of a kind.</summary>
    public static bool Has(this HostLab lab, string kind, params string[] arguments)
    {
        string name = "probe0", answer = lab.Output("ip", ["link", "add", .. kind == "dummy" ? (string[])[] : ["link", Parent], "name", name, "type", kind, .. arguments]);
        if (answer.Length == 0)
        {
            lab.Output("ip", "link", "del", name);
            return true;
        }

        Assert.Contains("Unknown device type", answer, StringComparison.Ordinal);
        return false;
    }

    private static PoolPlan[] Pools() =>
    [
        new PoolPlan(Subnet.Parse("192.0.2.0/24"), NetAddress.Parse(HostLab.OutsideAddress)),
        new PoolPlan(Subnet.Parse("2001:db8:1::/64"), NetAddress.Parse(HostLab.OutsideAddress6)),
    ];
}
