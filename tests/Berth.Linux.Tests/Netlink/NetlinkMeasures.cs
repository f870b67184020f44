using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Xunit.Abstractions;

namespace Berth.Linux.Tests.Netlink;

/// <summary>How long things take: printed, not judged.</summary>
public sealed class NetlinkMeasures(ITestOutputHelper output)
{
    private const int Times = 100;

    [Fact]
    public void ASandboxAndAPublishedPort()
    {
        using var host = new TestNetwork();
        int bridge = Links.Create(host.Route, new BridgeConfig { Name = "br0", IsUp = true });
        Addresses.Add(host.Route, TestNetwork.Parse(bridge, "10.60.0.1/16"));
        var table = new NftTable(NftFamily.Inet, "berth");
        var ports = new NftSetConfig { Name = "ports", Key = [NftDataType.InetProtocol, NftDataType.InetService], Data = [NftDataType.Ipv4Address, NftDataType.InetService] };
        using (var transaction = new NftTransaction())
        {
            transaction.AddTable(table);
            transaction.AddSet(table, ports);
            transaction.AddChain(table, new NftChainConfig { Name = "prerouting", Base = new NftBase("nat", NftHook.Prerouting, -100) });
            transaction.AddRule(table, "prerouting", new NftRule().DestinationType(RouteType.Local)
                .DestinationNat(AddressFamily.InterNetwork, "ports", hasPort: true, NftField.Protocol, NftField.DestinationPort));
            transaction.Commit(host.Filter);
        }

        // Taking one down costs the kernel more than making one; that is not what is measured.
        List<IDisposable> kept = [];
        List<double> spaces = [], sockets = [], both = [], links = [], elements = [];
        for (int i = 0; i < Times; i++)
        {
            FileDescriptor made = Measure(spaces, NetworkNamespace.Create);
            NetlinkSocket inside = Measure(sockets, () => NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, made));
            Measure(links, () => Connect(host, bridge, made, inside, i));
            Measure(elements, () => Publish(host, table, ports, (ushort)(8000 + i)));
            (FileDescriptor other, NetlinkSocket its) = Measure(both, () => NetworkNamespace.Create(() => NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE)));
            kept.AddRange([inside, made, other, its]);
        }

        kept.ForEach(thing => thing.Dispose());

        Print("namespace made", spaces);
        Print("netlink socket opened inside", sockets);
        Print("namespace made with a netlink socket inside", both);
        Print("veth on a bridge, both ends up, lo up, address, default route", links);
        Print("one DNAT element", elements);
    }

    private static int Connect(TestNetwork host, int bridge, FileDescriptor made, NetlinkSocket inside, int number)
    {
        Links.SetUp(inside, 1);
        Links.Create(host.Route, new VethConfig { Name = $"bv{number}", Master = bridge, IsUp = true, Peer = new VethPeer { Name = "eth0", Namespace = made } });
        int index = Links.Find(inside, "eth0")!.Index;
        Addresses.Add(inside, TestNetwork.Parse(index, "10.60.0.2/16"));
        Links.SetUp(inside, index);
        Routes.Add(inside, Route.Default(IPAddress.Parse("10.60.0.1")));
        return index;
    }

    private static int Publish(TestNetwork host, NftTable table, NftSetConfig ports, ushort port)
    {
        using var transaction = new NftTransaction();
        transaction.AddElements(table, ports, new NftElement(
            NftValue.Concat(NftValue.Protocol(ProtocolType.Tcp), NftValue.Service(port)),
            NftValue.Concat(NftValue.Of(IPAddress.Parse("10.60.0.2")), NftValue.Service(80))));
        transaction.Commit(host.Filter);
        return port;
    }

    private static T Measure<T>(List<double> times, Func<T> action)
    {
        long start = Stopwatch.GetTimestamp();
        T result = action();
        times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        return result;
    }

    private void Print(string what, List<double> times)
    {
        times.Sort();
        output.WriteLine($"{what}: p50 {times[times.Count / 2]:F3} ms, p90 {times[times.Count * 9 / 10]:F3}, least {times[0]:F3}");
    }
}
