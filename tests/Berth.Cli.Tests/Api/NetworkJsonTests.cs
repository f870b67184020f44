using System.Text.Json;
using Berth.Api;

namespace Berth.Cli.Tests.Api;

/// <summary>The documents of networks in docker's spelling: which members are always there, and which only with a value.</summary>
public sealed class NetworkJsonTests
{
    [Fact]
    public void A_network_has_every_member_in_dockers_order() => Assert.Equal(
        """{"Name":"","Id":"","Created":"0001-01-01T00:00:00Z","Scope":"","Driver":"","EnableIPv4":false,"EnableIPv6":false,"IPAM":{"Driver":"","Options":null,"Config":null},"Internal":false,"Attachable":false,"Ingress":false,"ConfigFrom":{"Network":""},"ConfigOnly":false,"Containers":{},"Options":{},"Labels":{}}""",
        JsonSerializer.Serialize(new NetworkInspect(), ApiJson.Context.NetworkInspect));

    [Fact]
    public void Ranges_have_only_what_was_said() => Assert.Equal(
        """{"Driver":"default","Options":{},"Config":[{"Subnet":"10.0.0.0/8"},{"Gateway":"10.0.0.1","AuxiliaryAddresses":{"a":"10.0.0.2"}}]}""",
        JsonSerializer.Serialize(
            new NetworkIpam
            {
                Driver = "default",
                Options = [],
                Config = [new NetworkIpamConfig { Subnet = "10.0.0.0/8" }, new NetworkIpamConfig { Gateway = "10.0.0.1", AuxiliaryAddresses = new() { ["a"] = "10.0.0.2" } }],
            },
            ApiJson.Context.NetworkIpam));

    [Fact]
    public void Requests_are_read_as_Go_reads_them()
    {
        NetworkCreateRequest request = JsonSerializer.Deserialize(
            """{"name":"n","Driver":null,"EnableIPv6":null,"EnableIPv4":false,"Internal":null,"IPAM":{"Config":[{"subnet":"10.0.0.0/24"}]},"ConfigFrom":null,"Bogus":1}""",
            ApiJson.Context.NetworkCreateRequest)!; // a record is no null
        Assert.Equal(("n", "", null, false, false, null), (request.Name, request.Driver, request.EnableIPv6, request.EnableIPv4, request.Internal, request.ConfigFrom));
        Assert.Equal("10.0.0.0/24", Assert.Single(request.IPAM!.Config!).Subnet); // in the text
        Assert.Equal("Bogus", Assert.Single(request.Unknown!).Key);

        NetworkConnectRequest connect = JsonSerializer.Deserialize(
            """{"Container":"c","EndpointConfig":{"IPAMConfig":{"IPv4Address":"10.0.0.9"},"GwPriority":3,"IPPrefixLen":null}}""", ApiJson.Context.NetworkConnectRequest)!; // as above
        Assert.Equal(("c", "10.0.0.9", 3), (connect.Container, connect.EndpointConfig!.IPAMConfig!.IPv4Address, connect.EndpointConfig.GwPriority)); // in the text
    }

    [Fact]
    public void What_is_absent_and_what_is_null()
    {
        Assert.Equal("""{"Container":"c"}""", JsonSerializer.Serialize(new NetworkConnectRequest { Container = "c" }, ApiJson.Context.NetworkConnectRequest));
        Assert.Equal("""{"Container":"c","Force":false}""", JsonSerializer.Serialize(new NetworkDisconnectRequest { Container = "c" }, ApiJson.Context.NetworkDisconnectRequest));
        Assert.Equal("""{"NetworksDeleted":null}""", JsonSerializer.Serialize(new NetworksPruneResponse(), ApiJson.Context.NetworksPruneResponse));
        Assert.Equal(
            """{"Driver":"","Scope":"","IPAM":null,"Internal":false,"Attachable":false,"Ingress":false,"ConfigOnly":false,"ConfigFrom":null,"Options":null,"Labels":null,"Name":"n"}""",
            JsonSerializer.Serialize(new NetworkCreateRequest { Name = "n" }, ApiJson.Context.NetworkCreateRequest));
    }
}
