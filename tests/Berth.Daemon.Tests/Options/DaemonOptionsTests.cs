using Berth.Daemon.Options;
using Berth.Daemon.Tests.Support;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Network.Files;

namespace Berth.Daemon.Tests.Options;

public sealed class DaemonOptionsTests : IDisposable
{
    private readonly string file = Path.GetTempFileName();

    public void Dispose() => File.Delete(file);

    [Fact]
    public void Defaults()
    {
        DaemonOptions options = Parse("{}");
        Assert.Equal(("/var/lib/berth", "/run/berth", false), (options.DataRoot, options.ExecRoot, options.Debug));
        Assert.Equal([DaemonOptions.DefaultHost], options.Hosts);
    }

    [Fact]
    public void Flags_in_both_forms()
    {
        DaemonOptions options = Parse("{}", "--data-root=/d", "--exec-root", "/e", "-D", "-p", "/p", "-H", "unix:///a", "--host=tcp://127.0.0.1:1", "--bridge", "none");
        Assert.Equal(("/d", "/e", "/p", "none", true), (options.DataRoot, options.ExecRoot, options.PidFile, options.Bridge, options.Debug));
        Assert.Equal(["unix:///a", "tcp://127.0.0.1:1"], options.Hosts);
    }

    [Fact]
    public void The_file_counts_where_no_flag_is()
    {
        const string json = """{"data-root":"/fd","exec-root":"/fe","debug":true,"hosts":["unix:///f"],"pidfile":"/fp"}""";
        DaemonOptions options = Parse(json);
        Assert.Equal(("/fd", "/fe", "/fp", true), (options.DataRoot, options.ExecRoot, options.PidFile, options.Debug));
        Assert.Equal(["unix:///f"], options.Hosts);
        Assert.False(options.Init);
        Assert.Equal((true, true, false), (Parse("""{"init":true}""").Init, Parse(json, "--init").Init, Parse("""{"init":true}""", "--init=false").Init));
        options = Parse(json, "--data-root", "/d", "--debug=false", "-H", "unix:///a");
        Assert.Equal(("/d", "/fe", false), (options.DataRoot, options.ExecRoot, options.Debug));
        Assert.Equal(["unix:///a"], options.Hosts);
    }

    [Theory]
    [InlineData("unknown flag: --nope", "--nope")]
    [InlineData("unknown flag: run", "run")]
    [InlineData("flag needs an argument: --data-root", "--data-root")]
    [InlineData("flag needs an argument: -H", "-H")]
    [InlineData("data-root must not be empty", "--data-root=")]
    [InlineData("debug must be true or false, got \"maybe\"", "--debug=maybe")]
    [InlineData("init must be true or false, got \"2\"", "--init=2")]
    [InlineData("invalid host \"here\"", "-H", "here")]
    public void Wrong_flags_are_named(string message, params string[] args) => Refusal.Of(ErrorKind.InvalidArgument, message, () => Parse("{}", args));

    [Fact]
    public void The_default_networks_bridge_can_be_chosen()
    {
        DaemonOptions options = Parse("""{"bip":"10.5.0.1/24"}""", "--bridge", "br0", "--mtu=1400");
        Assert.Equal(("br0", "10.5.0.1/24", 1400), (options.Bridge, options.BridgeAddress, options.Mtu));
        Refusal.Of(ErrorKind.InvalidArgument, "at most 15 characters", () => Parse("{}", "--bridge", "a-name-that-is-too-long"));
        Refusal.Of(ErrorKind.InvalidArgument, "invalid MTU: 5", () => Parse("{}", "--mtu", "5"));
    }

    [Fact]
    public void The_default_network_can_be_told_more()
    {
        NetworkOptions networks = Parse("""{"icc":false,"fixed-cidr":"10.5.0.64/26"}""", "--bip=10.5.0.1/24", "--ip-masq=false", "--ip", "127.0.0.1").Networks;
        Assert.Equal((false, false, "127.0.0.1", "10.5.0.1/24", "10.5.0.64/26"), (networks.HasInterContainerTraffic, networks.HasMasquerade, networks.HostBinding.ToString(), networks.DefaultAddress, networks.DefaultRange));
        networks = Parse("{}").Networks;
        Assert.Equal((true, true, "0.0.0.0", true), (networks.HasInterContainerTraffic, networks.HasMasquerade, networks.HostBinding.ToString(), networks.HasDefault));
        Assert.True(Parse("""{"icc":false}""", "--icc").Networks.HasInterContainerTraffic);
        Assert.False(Parse("{}", "--bridge", "none").Networks.HasDefault);
    }

    [Fact]
    public void The_default_network_can_have_IPv6_and_another_way_out()
    {
        const string json = """{"ipv6":true,"bip6":"fd00:5::1/64","fixed-cidr-v6":"fd00:5::100/120","default-gateway":"10.5.0.9","default-gateway-v6":"fd00:5::9","userland-proxy":false,"host-gateway-ips":["192.0.2.1","fd00::1"]}""";
        NetworkOptions networks = Parse(json, "-b", "br0").Networks;
        Assert.Equal(("br0", true, "fd00:5::1/64", "fd00:5::100/120"), (networks.DefaultBridge, networks.HasIPv6, networks.DefaultAddressIPv6, networks.DefaultRangeIPv6));
        Assert.Equal(("10.5.0.9", "fd00:5::9", false, 2), (networks.DefaultGateway.ToString(), networks.DefaultGatewayIPv6.ToString(), networks.HasProxy, networks.HostGateways.Count));
        networks = Parse(json, "--ipv6=false", "--userland-proxy", "--default-gateway", "10.5.0.7", "--host-gateway-ip=192.0.2.2").Networks;
        Assert.Equal((false, true, "10.5.0.7", "192.0.2.2"), (networks.HasIPv6, networks.HasProxy, networks.DefaultGateway.ToString(), Assert.Single(networks.HostGateways).ToString()));
        networks = Parse("{}").Networks;
        Assert.Equal((false, true, null, 0), (networks.HasIPv6, networks.HasProxy, networks.DefaultGateway, networks.HostGateways.Count));
        Assert.Equal("192.0.2.3", Assert.Single(Parse("""{"host-gateway-ip":"192.0.2.3"}""").HostGateways).ToString()); // docker's name before there were several
        Assert.Equal((true, false), (Parse("{}").Kernel.IsForwardingEnsured, Parse("{}", "--ip-forward=false").Kernel.IsForwardingEnsured));
    }

    [Fact]
    public void Networks_of_a_driver_have_options_by_default()
    {
        const string json = """{"default-network-opts":{"bridge":{"com.docker.network.driver.mtu":"1400","a":"b"},"macvlan":{"parent":"eth1"}}}""";
        var drivers = Parse(json).Networks.DriverOptions;
        Assert.Equal(("1400", "b", "eth1"), (drivers["bridge"]["com.docker.network.driver.mtu"], drivers["bridge"]["a"], drivers["macvlan"]["parent"]));
        drivers = Parse(json, "--default-network-opt", "bridge=x=1=2", "--default-network-opt=bridge=y=").Networks.DriverOptions;
        Assert.Equal(("1=2", "", 1), (drivers["bridge"]["x"], drivers["bridge"]["y"], drivers.Count)); // the command line wins as a whole
    }

    [Fact]
    public void What_containers_resolve_with_can_be_told()
    {
        const string json = """{"dns":["10.0.0.1"],"dns-search":["a.example"],"dns-opts":["ndots:2"]}""";
        ResolverSettings resolver = Parse(json).Networks.Resolver;
        Assert.Equal("10.0.0.1; a.example; ndots:2", Text(resolver));
        resolver = Parse(json, "--dns", "10.0.0.2", "--dns=::1", "--dns-opt", "rotate").Networks.Resolver;
        Assert.Equal("10.0.0.2 ::1; a.example; rotate", Text(resolver));
        Assert.Equal([], Parse("{}").Networks.Resolver.Servers);
    }

    [Fact]
    public void Networks_get_their_subnets_from_the_pools_that_are_told()
    {
        const string json = """{"default-address-pools":[{"base":"10.10.0.0/16","size":24},{"base":"fd00:1::/48","size":64}]}""";
        Assert.Equal(["10.10.0.0/16 24", "fd00:1::/48 64"], Pools(Parse(json)));
        Assert.Equal(["10.20.0.0/16 20", "10.30.0.0/24 26"], Pools(Parse(json, "--default-address-pool", "base=10.20.0.0/16,size=20", "--default-address-pool=size=26,base=10.30.0.0/24")));
        Assert.Empty(Parse("{}").AddressPools);
    }

    [Fact]
    public void A_purge_is_asked_for_on_the_command_line_alone()
    {
        Assert.Equal((true, false), (Parse("{}", "--purge").IsPurge, Parse("{}").IsPurge));
        Refusal.Of(ErrorKind.InvalidArgument, "purge", () => Parse("""{"purge":true}"""));
    }

    [Theory]
    [InlineData("dns: wanted an IP address, got \"x\"", "--dns", "x")]
    [InlineData("dns-search: wanted a domain", "--dns-search", "a b")]
    [InlineData("dns-opts: wanted an option", "--dns-opt=")]
    [InlineData("default-address-pool: wanted base=", "--default-address-pool", "10.0.0.0/8")]
    [InlineData("default-address-pool: wanted base=", "--default-address-pool", "base=10.0.0.1/8,size=24")]
    [InlineData("default-address-pool: wanted base=", "--default-address-pool", "base=10.0.0.0/8")]
    [InlineData("with size 8: wanted a size from 16", "--default-address-pool", "base=10.1.0.0/16,size=8")]
    [InlineData("ip: wanted an IPv4 address", "--ip", "::1")]
    [InlineData("fixed-cidr: wanted an IPv4 subnet", "--fixed-cidr", "10.0.0.0")]
    [InlineData("fixed-cidr-v6: wanted an IPv6 subnet", "--fixed-cidr-v6", "10.0.0.0/24")]
    [InlineData("default-gateway: wanted an IPv4 address", "--default-gateway", "fd00::1")]
    [InlineData("default-gateway-v6: wanted an IPv6 address", "--default-gateway-v6", "10.0.0.1")]
    [InlineData("bip: wanted an address with a prefix length", "--bip", "10.0.0.1")]
    [InlineData("bip6: wanted an address with a prefix length", "--bip6", "10.0.0.1/24")]
    [InlineData("host-gateway-ips: wanted an IP address", "--host-gateway-ip", "host")]
    [InlineData("should be root-key=key=value", "--default-network-opt", "bridge=mtu")]
    [InlineData("ipv6 must be true or false", "--ipv6=6")]
    [InlineData("icc must be true or false", "--icc=perhaps")]
    public void Wrong_network_options_are_named(string message, params string[] args) => Refusal.Of(ErrorKind.InvalidArgument, message, () => Parse("{}", args));

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"hosts":"unix:///a"}""")]
    [InlineData("""{"hosts":[1]}""")]
    public void A_broken_file_is_named(string json) => Refusal.Of(ErrorKind.InvalidArgument, file, () => Parse(json));

    [Theory]
    [InlineData("""{"colour":"red"}""", "colour")]
    [InlineData("""{"debug":1}""", "debug")]
    [InlineData("""{"exec-root":""}""", "exec-root")]
    public void A_wrong_member_is_named(string json, string name) => Refusal.Of(ErrorKind.InvalidArgument, name, () => Parse(json));

    [Fact]
    public void A_file_that_was_asked_for_has_to_be_there() =>
        Refusal.Of(ErrorKind.InvalidArgument, "/nonexistent/daemon.json", static () => DaemonOptions.Parse(["--config-file", "/nonexistent/daemon.json"]));

    private static string Text(ResolverSettings resolver) => $"{string.Join(' ', resolver.Servers)}; {string.Join(' ', resolver.Search)}; {string.Join(' ', resolver.Options)}";

    private static string[] Pools(DaemonOptions options) => [.. options.Networks.Pools.Select(static pool => $"{pool.Base} {pool.Size}")];

    private DaemonOptions Parse(string json, params string[] args)
    {
        File.WriteAllText(file, json);
        return DaemonOptions.Parse(["--config-file", file, .. args]);
    }
}
