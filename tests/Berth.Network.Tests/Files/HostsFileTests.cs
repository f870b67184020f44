using Berth.Model;
using Berth.Network.Files;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Files;

public sealed class HostsFileTests
{
    private static readonly NetAddress[] Gateways = [NetAddress.Parse("10.88.77.1"), NetAddress.Parse("fd00::1")];

    // As dockerd wrote it for: --hostname hh --domainname dd.example --add-host foo:1.2.3.4 --add-host foo:::1 --add-host bar:host-gateway
    [Fact]
    public void TheFileIsDockers()
    {
        HostRecord[] extra = [.. ((string[])["foo:1.2.3.4", "foo:::1", "bar:host-gateway"]).SelectMany(static text => HostRecord.ParseExtra(text, Gateways[..1]))];
        HostRecord[] own = [.. ((string[])["10.99.20.5", "fd99::3"]).Select(static text => HostRecord.Own(NetAddress.Parse(text), "hh", "dd.example"))];
        Assert.Equal(
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
            + "1.2.3.4\tfoo\n::1\tfoo\n10.88.77.1\tbar\n10.99.20.5\thh.dd.example hh\nfd99::3\thh.dd.example hh\n",
            HostsFile.Build(extra, own));
        Assert.Equal("hh\n", ContainerFile.Hostname("hh"));
    }

    [Fact]
    public void NamesOfAContainerAreWrittenFromFullToShort()
    {
        NetAddress address = NetAddress.Parse("10.0.0.2");
        Assert.Equal("10.0.0.2\taa.bb.cc aa", HostRecord.Own(address, "aa.bb.cc", "").ToString());
        Assert.Equal("10.0.0.2\t24f09cb6bbfe", HostRecord.Own(address, "24f09cb6bbfe", null).ToString());
        Assert.Equal("10.0.0.2\tlnk 24f09cb6bbfe db", HostRecord.Link(address, "lnk", "24f09cb6bbfe", "db").ToString());
        Assert.Equal("10.0.0.2\tdb 24f09cb6bbfe", HostRecord.Link(address, "db", "24f09cb6bbfe", "db").ToString());
    }

    [Theory]
    [InlineData("foo:[fd00::2]", "fd00::2\tfoo")]
    [InlineData("foo:fd00::2", "fd00::2\tfoo")]
    [InlineData("foo:host-gateway", "10.88.77.1\tfoo|fd00::1\tfoo")]
    public void AddedHostsAreRead(string text, string wanted) => Assert.Equal(wanted, string.Join('|', HostRecord.ParseExtra(text, Gateways)));

    [Theory]
    [InlineData("foo", "bad format for add-host: \"foo\"")]
    [InlineData(":1.2.3.4", "bad format for add-host: \":1.2.3.4\"")]
    [InlineData("a\nb:1.2.3.4", "bad format for add-host: \"a\nb:1.2.3.4\"")]
    [InlineData("foo:bar", "invalid IP address in add-host: \"bar\"")]
    [InlineData("foo:", "invalid IP address in add-host: \"\"")]
    [InlineData("foo:1.2.3.4\n6.6.6.6 evil", "invalid IP address in add-host: \"1.2.3.4\n6.6.6.6 evil\"")]
    public void OthersAreRefusedInDockersWords(string text, string message) =>
        Assert.Equal(message, Assert.Throws<EngineException>(() => HostRecord.ParseExtra(text, Gateways)).Message);

    [Fact]
    public void WithoutAnAddressOfTheHostItsNameIsRefused() =>
        Assert.Equal("unable to derive the IP value for host-gateway", Assert.Throws<EngineException>(() => HostRecord.ParseExtra("a:host-gateway", [])).Message);

    [Fact]
    public void LinesAreAddedAndTakenOutWithoutTouchingOthers()
    {
        HostRecord[] records = [HostRecord.Own(NetAddress.Parse("10.0.0.2"), "a", null), HostRecord.Own(NetAddress.Parse("fd00::2"), "a", null)];
        string changed = HostsFile.Build([], []) + "# mine\n6.6.6.6\tx";
        string added = HostsFile.Add(changed, records);
        Assert.Equal(changed + "\n10.0.0.2\ta\nfd00::2\ta\n", added);
        Assert.Equal(added, HostsFile.Add(added, records));
        Assert.Equal(changed + "\n", HostsFile.Remove(added, records));
        Assert.Equal("", HostsFile.Remove("", records));
    }

    [Fact]
    public void LinesOfOursGetAnotherAddressByTheirNamesAndFamily()
    {
        HostRecord[] records = [HostRecord.Link(NetAddress.Parse("10.0.0.9"), "lnk", "host", "db"), HostRecord.Link(NetAddress.Parse("fd00::9"), "lnk", "host", "db")];
        Assert.Equal(
            "10.0.0.9\tlnk host db\nfd00::9\tlnk host db\n10.0.0.2\tlnk\n# 10.0.0.2\tlnk host db\n",
            HostsFile.Readdress("10.0.0.2\tlnk host db\nfd00::2\tlnk host db\n10.0.0.2\tlnk\n# 10.0.0.2\tlnk host db\n", records));
    }

    [Fact]
    public void FilesKeepTheirPlace()
    {
        string folder = Directory.CreateTempSubdirectory("berth-hosts").FullName;
        try
        {
            string path = Path.Combine(folder, "hosts");
            ContainerFile.Write(path, "a long text\n");
            using FileStream bound = File.OpenRead(path); // as the container has it
            ContainerFile.Write(path, "short\n");
            Assert.Equal("short\n", new StreamReader(bound).ReadToEnd());
            Assert.Equal("short\n", ContainerFile.Read(path));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(path));
            File.WriteAllBytes(path, new byte[(1 << 20) + 1]);
            Assert.Throws<Berth.Linux.LinuxException>(() => ContainerFile.Read(path));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
