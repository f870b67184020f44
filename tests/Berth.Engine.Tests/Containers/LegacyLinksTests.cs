using System.Text.Json;
using Berth.Engine.Containers;
using Berth.Engine.Networks;
using Berth.Engine.Tests.Support;
using Berth.Network.Drivers;

namespace Berth.Engine.Tests.Containers;

public sealed class LegacyLinksTests
{
    private static readonly ContainerRecord Database = Linked(["80/tcp"]).Record;

    [Theory]
    [InlineData("db", "/db:/web/db")]
    [InlineData("db:alias", "/db:/web/alias")]
    [InlineData("/db:/old/alias", "/db:/web/alias")]
    [InlineData("/db:alias", "/db:/web/alias")]
    public void LinksAreToldAsInspectTellsThemAndTakenBack(string link, string told)
    {
        ContainerHostOptions host = LegacyLinks.Resolve(new ContainerHostOptions { Links = [link] }, "web", static _ => Database);
        Assert.Equal([told], host.Links!);
        Assert.Equal(Database.Id.ToString(), Assert.Single(host.LinkTargets!).Id);
    }

    [Fact]
    public void ANetworkOfUsersHasNamesInstead()
    {
        var host = new ContainerHostOptions { Network = NetworkMode.Named, NetworkText = "front", Links = ["db:d"] };
        Assert.Same(host, LegacyLinks.Resolve(host, "web", static _ => throw new InvalidOperationException()));
        Assert.False(LegacyLinks.IsOfUsersNetwork(host with { NetworkText = "bridge" }));
    }

    [Fact]
    public void VariablesAreDockers() => Assert.Equal(
        [
            "MY_DB_PORT=tcp://172.17.0.2:80", "MY_DB_PORT_80_TCP=tcp://172.17.0.2:80", "MY_DB_PORT_80_TCP_ADDR=172.17.0.2", "MY_DB_PORT_80_TCP_PORT=80", "MY_DB_PORT_80_TCP_PROTO=tcp",
            "MY_DB_PORT_80_UDP=udp://172.17.0.2:80", "MY_DB_PORT_80_UDP_ADDR=172.17.0.2", "MY_DB_PORT_80_UDP_PORT=80", "MY_DB_PORT_80_UDP_PROTO=udp",
            "MY_DB_NAME=/web/my-db", "MY_DB_ENV_KEY=a=b",
        ],
        LegacyLinks.Variables("web", [Linked(["80/udp", "80/tcp"])]));

    [Fact]
    public void PortsThatFollowEachOtherAreToldAsARangeBesides()
    {
        IReadOnlyList<string> variables = LegacyLinks.Variables("web", [Linked(["12/tcp", "10/tcp", "11/tcp", "20/tcp", "21/tcp"])]);
        Assert.Equal(
            ["MY_DB_PORT_10_TCP_START=tcp://172.17.0.2:10", "MY_DB_PORT_10_TCP_ADDR=172.17.0.2", "MY_DB_PORT_10_TCP_PROTO=tcp", "MY_DB_PORT_10_TCP_PORT_START=10", "MY_DB_PORT_10_TCP_END=tcp://172.17.0.2:12", "MY_DB_PORT_10_TCP_PORT_END=12"],
            variables.Skip(1).Take(6));
        Assert.DoesNotContain(variables, static variable => variable.StartsWith("MY_DB_PORT_20_TCP_START", StringComparison.Ordinal));
        Assert.Contains("MY_DB_PORT_21_TCP_PORT=21", variables);
    }

    [Fact]
    public void ALinkedContainerHasALineAndPorts()
    {
        LinkedContainer[] linked = [Linked(["80/tcp"])];
        Assert.Equal(["172.17.0.2\tmy-db dbhost db"], LegacyLinks.Hosts(linked).Select(static line => line.ToString()));
        Assert.Equal([(PortProtocol.Tcp, "172.17.0.2", (ushort)80)], LegacyLinks.Ports(linked).Select(static port => (port.Protocol, port.Address.ToString(), port.Port)));
    }

    private static LinkedContainer Linked(string[] exposed)
    {
        var config = new ContainerConfig { Image = "i", Hostname = "dbhost", Env = ["PATH=/bin", "HOME=/", "KEY=a=b"], ExposedPorts = exposed.ToDictionary(static port => port, static _ => default(JsonElement)) };
        return new LinkedContainer("my-db", Records.Create(config) with { Name = "db" }, new EndpointState { Id = new string('a', 64), IPv4 = "172.17.0.2" });
    }
}
