using Berth.Network.Files;

namespace Berth.Network.Tests.Files;

public sealed class ResolvConfTests
{
    private const string Host =
        """
        # made by something
        ; and something else
        search one.example
        domain two.example
        nameserver 192.0.2.1
          nameserver 192.0.2.2
        nameserver	2001:db8::1   # not a comment to glibc, which reads the first word only
        nameserver fe80::1%lo
        nameserver 127.0.0.53
        nameserver foo
        nameserver
        options ndots:2 timeout:1
        options edns0
        sortlist 10.0.0.0

        """;

    [Fact]
    public void TheHostsFileIsReadAsGlibcReadsIt()
    {
        ResolvConf conf = ResolvConf.Parse(Host.Replace("\n", "\r\n"));
        Assert.Equal(["192.0.2.1", "2001:db8::1", "fe80::1%lo", "127.0.0.53"], conf.Nameservers);
        Assert.Equal(["two.example"], conf.Search);
        Assert.Equal(["ndots:2", "timeout:1", "edns0"], conf.Options);
        Assert.Equal("search two.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver fe80::1%lo\nnameserver 127.0.0.53\noptions ndots:2 timeout:1 edns0\n", conf.ToString());
    }

    [Fact]
    public void OnTheDefaultNetworkTheHostsFileIsKeptButForUnreachableServers()
    {
        string text = ContainerResolvConf.ForDefaultNetwork(Host, new ResolverSettings(), hasIPv6: false);
        Assert.Equal(string.Join('\n', Host.Split('\n').Where(static line => !line.Contains("127.0.0.53") && !line.Contains("::1"))), text);
        text = ContainerResolvConf.ForDefaultNetwork(Host, new ResolverSettings(), hasIPv6: true);
        Assert.Equal(string.Join('\n', Host.Split('\n').Where(static line => !line.Contains("127.0.0.53"))), text);
    }

    [Theory]
    [InlineData("", false, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n")]
    [InlineData("nameserver 127.0.0.1", false, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n")]
    [InlineData("search a.b\nnameserver ::1\n", true, "search a.b\nnameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n")]
    [InlineData("search a.b\nnameserver 10.255.255.53\n", true, "search a.b\nnameserver 10.255.255.53\n")]
    public void WithoutAnyServerPublicOnesStandIn(string host, bool hasIPv6, string wanted) =>
        Assert.Equal(wanted, ContainerResolvConf.ForDefaultNetwork(host, new ResolverSettings(), hasIPv6));

    // The texts are those of dockerd's containers for the same options.
    [Fact]
    public void SettingsTakeTheHostsPlace()
    {
        const string host = "nameserver 10.255.255.53\n";
        Assert.Equal("nameserver 9.9.9.9\n", ContainerResolvConf.ForDefaultNetwork(host, new ResolverSettings { Servers = ["9.9.9.9"] }, hasIPv6: false));
        Assert.Equal("nameserver 10.255.255.53\noptions a\n", ContainerResolvConf.ForDefaultNetwork(host, new ResolverSettings { Search = ["."], Options = ["a"] }, hasIPv6: false));
        Assert.Equal("nameserver 1.1.1.1\n", ContainerResolvConf.ForHostNetwork(host, new ResolverSettings { Servers = ["1.1.1.1"] }));
        Assert.Equal(Host, ContainerResolvConf.ForHostNetwork(Host, new ResolverSettings()));
        Assert.Equal("nameserver 127.0.0.11\noptions ndots:0\n", ContainerResolvConf.ForUserNetwork(host, new ResolverSettings()));
        Assert.Equal("search a.b\nnameserver 127.0.0.11\noptions ndots:3\n",
            ContainerResolvConf.ForUserNetwork(host, new ResolverSettings { Servers = ["9.9.9.9"], Search = ["a.b"], Options = ["ndots:3"] }));
        Assert.Equal("search two.example\nnameserver 127.0.0.11\noptions ndots:2 timeout:1 edns0\n", ContainerResolvConf.ForUserNetwork(Host, new ResolverSettings()));
        Assert.Equal("nameserver 127.0.0.11\noptions timeout:1 ndots:0\n", ContainerResolvConf.ForUserNetwork(host, new ResolverSettings { Options = ["timeout:1"] }));
    }

    [Fact]
    public void TheResolverAsksTheHostsServersItsLoopbackOnesToo()
    {
        Assert.Equal(["192.0.2.1:53", "[2001:db8::1]:53", "127.0.0.53:53"], Upstreams(Host.Replace("nameserver fe80::1%lo\n", "")));
        Assert.Equal(["9.9.9.9:53"], Upstreams(Host, "9.9.9.9", "bar", "127.0.0.11"));
        Assert.Equal(["8.8.8.8:53", "8.8.4.4:53"], Upstreams(""));
        Assert.Equal(["8.8.8.8:53", "8.8.4.4:53"], Upstreams(Host, "127.0.0.11"));
        Assert.Equal(["8.8.8.8:53", "8.8.4.4:53"], Upstreams("nameserver 192.0.2.1\n", "bar"));
        Assert.Equal(["127.0.0.11:53"], Upstreams("nameserver 127.0.0.11\n")); // the daemon's host is itself a container
        Assert.Equal(3, Upstreams(string.Concat(Enumerable.Range(1, 9).Select(static i => $"nameserver 192.0.2.{i}\n"))).Length);
    }

    [Fact]
    public void FilesAreReadWithinLimits()
    {
        string folder = Directory.CreateTempSubdirectory("berth-resolv").FullName;
        try
        {
            string path = Path.Combine(folder, "resolv.conf");
            Assert.Equal("", ResolvConf.ReadText(path));
            File.WriteAllText(path, Host);
            Assert.Equal(Host, ResolvConf.ReadText(path));
            File.WriteAllText(path, new string('#', 100_000));
            Assert.Throws<IOException>(() => ResolvConf.ReadText(path));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        Assert.Equal(ResolvConf.HostPath, ContainerResolvConf.PathFor("nameserver 192.0.2.1\n"));
        Assert.Equal(File.Exists(ResolvConf.SystemdPath) ? ResolvConf.SystemdPath : ResolvConf.HostPath, ContainerResolvConf.PathFor("nameserver 127.0.0.53\n"));
    }

    private static string[] Upstreams(string host, params string[] servers) =>
        [.. ContainerResolvConf.Upstreams(host, new ResolverSettings { Servers = servers }).Select(static server => server.ToString())];
}
