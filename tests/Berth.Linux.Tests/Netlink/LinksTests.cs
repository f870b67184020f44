using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

public sealed class LinksTests
{
    private static readonly MacAddress Mac = MacAddress.Parse("02:42:0a:00:00:01"), PeerMac = MacAddress.Parse("02:42:0a:00:00:02");

    [Fact]
    public void AVethIsMadeWithItsOtherEndInOneMessage()
    {
        using var host = new TestNetwork();
        using var guest = new TestNetwork();
        int index = Links.Create(host.Route, new VethConfig
        {
            Name = "bv0", Mtu = 1400, Mac = Mac, Alias = "berth one", IsUp = true,
            Peer = new VethPeer { Name = "eth0", Mtu = 1300, Mac = PeerMac, Namespace = guest.Namespace },
        });
        Links.SetUp(guest.Route, Links.Find(guest.Route, "eth0")!.Index);
        host.WaitForCarrier(index);
        LinkInfo here = Links.Find(host.Route, index)!, there = Links.Find(guest.Route, "eth0")!;
        Assert.Equal(("bv0", "veth", 1400, Mac, "berth one", true), (here.Name, here.Kind, here.Mtu, here.Mac, here.Alias, here.IsUp));
        Assert.Equal(("veth", 1300, PeerMac, (string?)null, true), (there.Kind, there.Mtu, there.Mac, there.Alias, there.IsUp));
        Assert.Equal(there.Index, here.Lower);
        Assert.NotNull(here.LowerNamespace);
        Assert.True(here.IsRunning);
        Links.Delete(host.Route, index);
        Assert.Null(Links.Find(guest.Route, "eth0"));
        Assert.Null(Links.Find(host.Route, index));
    }

    [Fact]
    public void ABridgeHasItsSettingsAndPorts()
    {
        using var network = new TestNetwork();
        int bridge = Links.Create(network.Route, new BridgeConfig
        {
            Name = "br0", Mac = Mac, IsUp = true,
            Settings = new BridgeSettings { MulticastSnooping = false, Ageing = TimeSpan.FromSeconds(42), SpanningTree = false, ForwardDelay = TimeSpan.FromSeconds(3) },
        });
        BridgeSettings read = Links.Find(network.Route, bridge)!.Bridge!;
        Assert.Equal((false, TimeSpan.FromSeconds(42), false, false), (read.MulticastSnooping, read.Ageing, read.SpanningTree, read.VlanFiltering));
        Assert.Equal(TimeSpan.FromSeconds(3), read.ForwardDelay);
        Links.ChangeBridge(network.Route, bridge, new BridgeSettings { MulticastSnooping = true });
        read = Links.Find(network.Route, bridge)!.Bridge!;
        Assert.Equal((true, TimeSpan.FromSeconds(42)), (read.MulticastSnooping, read.Ageing));

        int port = Links.Create(network.Route, new VethConfig { Name = "p0", Master = bridge, Peer = new VethPeer { Name = "q0" } });
        LinkInfo before = Links.Find(network.Route, port)!;
        Assert.Equal((bridge, false, false), (before.Master, before.Port!.Hairpin, before.Port.Isolated));
        Links.ChangePort(network.Route, port, new BridgePortSettings { Hairpin = true, Isolated = true });
        LinkInfo after = Links.Find(network.Route, port)!;
        Assert.Equal((true, true, true), (after.Port!.Hairpin, after.Port.Isolated, after.Port.Learning));
        Links.Change(network.Route, port, new LinkChange { Master = 0 });
        Assert.Null(Links.Find(network.Route, port)!.Master);
    }

    [Fact]
    public void EverythingOfALinkCanBeChanged()
    {
        using var network = new TestNetwork();
        using var other = new TestNetwork();
        int index = Links.Create(network.Route, new BridgeConfig { Name = "a" });
        Links.Change(network.Route, index, new LinkChange { Name = "b", Mtu = 1280, Mac = Mac, Alias = "free text", IsUp = true });
        LinkInfo link = Links.Find(network.Route, "b")!;
        Assert.Equal((index, 1280, Mac, "free text", true), (link.Index, link.Mtu, link.Mac, link.Alias, link.IsUp));
        Links.Change(network.Route, index, new LinkChange { Alias = "", IsUp = false });
        link = Links.Find(network.Route, "b")!;
        Assert.Equal((null, false), (link.Alias, link.IsUp));
        int moved = Links.Create(network.Route, new VethConfig { Name = "v", Peer = new VethPeer { Name = "w" } });
        Links.Change(network.Route, moved, new LinkChange { Namespace = other.Namespace, Name = "eth7" });
        Assert.Null(Links.Find(network.Route, moved));
        Assert.NotNull(Links.Find(other.Route, "eth7"));
    }

    [MacvlanTheory]
    [InlineData(MacvlanMode.Private)]
    [InlineData(MacvlanMode.Vepa)]
    [InlineData(MacvlanMode.Bridge)]
    [InlineData(MacvlanMode.Passthru)]
    [InlineData(MacvlanMode.Source)]
    public void AMacvlanIsOnAnotherLinkAndInAnotherNamespace(MacvlanMode mode)
    {
        using var network = new TestNetwork();
        using var guest = new TestNetwork();
        int parent = Links.Create(network.Route, new VethConfig { Name = "v", IsUp = true, Peer = new VethPeer { Name = "w" } });
        int made = Links.Create(network.Route, new MacvlanConfig { Name = "eth0", Parent = parent, Mode = mode, Namespace = guest.Namespace });
        Assert.Equal(0, made);
        LinkInfo link = Links.Find(guest.Route, "eth0")!;
        Assert.Equal(("macvlan", mode, parent), (link.Kind, link.Macvlan, link.Lower));
    }

    public static TheoryData<LinkConfig> Kinds => new()
    {
        new DummyConfig { Name = "made" },
        new IpvlanConfig { Name = "made", Parent = 2, Mode = IpvlanMode.L3S, Flags = IpvlanFlags.Private },
        new VlanConfig { Name = "made", Parent = 2, Id = 7 },
    };

    // Not every kernel has these: then it says so.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void AKindIsMadeOrToldToBeLacking(LinkConfig config)
    {
        using var network = new TestNetwork();
        int parent = Links.Create(network.Route, new VethConfig { Name = "v", IsUp = true, Peer = new VethPeer { Name = "w" } });
        config = config switch { IpvlanConfig ipvlan => ipvlan with { Parent = parent }, VlanConfig vlan => vlan with { Parent = parent }, _ => config };
        LinkException(() => Links.Create(network.Route, config), config, Links.Find(network.Route, "made"), network);
    }

    [Fact]
    public void WhatIsRefusedIsExplained()
    {
        using var network = new TestNetwork();
        int taken = Links.Create(network.Route, new BridgeConfig { Name = "taken" });
        var e = Assert.Throws<LinuxException>(() => Links.Create(network.Route, new BridgeConfig { Name = "taken" }));
        Assert.Equal((Errno.EEXIST, "RTM_NEWLINK"), (e.Errno, e.Call));
        Assert.Contains("bridge taken", e.Message);
        e = Assert.Throws<LinuxException>(() => Links.SetUp(network.Route, 4711));
        Assert.Equal(Errno.ENODEV, e.Errno);
        e = Assert.Throws<LinuxException>(() => Links.Change(network.Route, taken, new LinkChange { Mtu = -5 }));
        Assert.Matches($"link {taken}: .*mtu", e.Message);
        Assert.Throws<ArgumentException>(() => Links.Find(network.Route, "a name that is too long"));
        Assert.Throws<ArgumentException>(() => Links.Create(network.Route, new BridgeConfig { Name = "a\0b" }));
        Assert.Throws<ArgumentException>(() => Links.Create(network.Route, new BridgeConfig { Name = "x", Alias = "y", Namespace = network.Namespace }));
        Assert.Null(Links.Find(network.Route, "absent"));
        Assert.Equal(["taken"], network.Made().Select(link => link.Name));

        // An alias that is refused leaves no link.
        Assert.Throws<LinuxException>(() => Links.Create(network.Route, new BridgeConfig { Name = "long", Alias = new string('a', 300) }));
        Assert.Null(Links.Find(network.Route, "long"));
    }

    [Fact]
    public void AThousandLinksAreListed()
    {
        using var network = new TestNetwork();
        for (int i = 0; i < 500; i++)
            Links.Create(network.Route, new VethConfig { Name = $"a{i}", Alias = $"the link number {i}", Peer = new VethPeer { Name = $"b{i}" } });
        IReadOnlyList<LinkInfo> links = Links.List(network.Route);
        int all = network.Initial.Count + 1000;
        Assert.Equal(all, links.Count);
        Assert.Equal(all, links.Select(link => link.Name).Distinct().Count());
        Assert.Equal("the link number 499", links.Single(link => link.Name == "a499").Alias);

        // The kernel's own table, behind two lines of headings.
        Assert.Equal(all + 2, NetworkNamespace.Run(network.Namespace, () => File.ReadAllLines("/proc/thread-self/net/dev").Length));
    }

    [Fact]
    public async Task ListsAreWholeWhileOthersChangeThings()
    {
        using var network = new TestNetwork();
        for (int i = 0; i < 100; i++)
            Links.Create(network.Route, new VethConfig { Name = $"a{i}", Peer = new VethPeer { Name = $"b{i}" } });
        using var end = new CancellationTokenSource();
        Task changing = Task.Run(() =>
        {
            using NetlinkSocket other = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, network.Namespace);
            while (!end.IsCancellationRequested)
            {
                Links.Delete(other, Links.Create(other, new BridgeConfig { Name = "flicker" }));
                Thread.Sleep(1);
            }
        });
        try
        {
            for (int i = 0; i < 100; i++)
                Assert.Equal(network.Initial.Count + 200, Links.List(network.Route).Count(link => link.Name != "flicker"));
        }
        finally
        {
            await end.CancelAsync();
            await changing;
        }
    }

    private static void LinkException(Action create, LinkConfig config, LinkInfo? before, TestNetwork network)
    {
        Assert.Null(before);
        try
        {
            create();
        }
        catch (LinuxException e)
        {
            Assert.Equal(Errno.EOPNOTSUPP, e.Errno);
            Assert.Contains($"no links of the kind {config.Kind}", e.Message);
            return;
        }

        LinkInfo made = Links.Find(network.Route, "made")!;
        Assert.Equal(config.Kind, made.Kind);
        if (config is IpvlanConfig ipvlan)
            Assert.Equal(ipvlan.Mode, made.Ipvlan);
        if (config is VlanConfig vlan)
            Assert.Equal(vlan.Id, made.VlanId);
    }
}
