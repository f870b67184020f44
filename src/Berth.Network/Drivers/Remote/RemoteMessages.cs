using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Berth.Network.Drivers.Remote;

// The bodies of docker's remote driver protocol (libnetwork/docs/remote.md), as dockerd writes them.

internal sealed record NoMembers;

internal sealed record CapabilitiesAnswer
{
    public string Scope { get; init => field = value ?? ""; } = "";
}

internal sealed record CreateNetworkMessage(string NetworkID, JsonObject Options, IReadOnlyList<PoolMessage> IPv4Data, IReadOnlyList<PoolMessage> IPv6Data);

internal sealed record PoolMessage(string AddressSpace, string Pool)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Gateway { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? AuxAddresses { get; init; }
}

internal sealed record NetworkMessage(string NetworkID);

internal sealed record EndpointMessage(string NetworkID, string EndpointID);

internal sealed record CreateEndpointMessage(string NetworkID, string EndpointID, InterfaceMessage Interface, JsonObject Options);

internal sealed record InterfaceMessage
{
    public string Address { get; init => field = value ?? ""; } = "";
    public string AddressIPv6 { get; init => field = value ?? ""; } = "";
    public string MacAddress { get; init => field = value ?? ""; } = "";
}

internal sealed record CreateEndpointAnswer
{
    public InterfaceMessage? Interface { get; init; }
}

internal sealed record JoinMessage(string NetworkID, string EndpointID, string SandboxKey, JsonObject Options);

internal sealed record JoinAnswer
{
    public InterfaceNameMessage? InterfaceName { get; init; }
    public string Gateway { get; init => field = value ?? ""; } = "";
    public string GatewayIPv6 { get; init => field = value ?? ""; } = "";
    public IReadOnlyList<RouteMessage?> StaticRoutes { get; init => field = value ?? []; } = [];
}

internal sealed record InterfaceNameMessage
{
    public string SrcName { get; init => field = value ?? ""; } = "";
    public string DstPrefix { get; init => field = value ?? ""; } = "";
}

internal sealed record RouteMessage
{
    /// <summary>0: by <see cref="NextHop"/>; 1: it is on the link.</summary>
    public int RouteType { get; init; }
    public string Destination { get; init => field = value ?? ""; } = "";
    public string NextHop { get; init => field = value ?? ""; } = "";
}

internal sealed record ConnectivityMessage(string NetworkID, string EndpointID, JsonObject Options);

[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(NoMembers))]
[JsonSerializable(typeof(CapabilitiesAnswer))]
[JsonSerializable(typeof(CreateNetworkMessage))]
[JsonSerializable(typeof(NetworkMessage))]
[JsonSerializable(typeof(EndpointMessage))]
[JsonSerializable(typeof(CreateEndpointMessage))]
[JsonSerializable(typeof(CreateEndpointAnswer))]
[JsonSerializable(typeof(JoinMessage))]
[JsonSerializable(typeof(JoinAnswer))]
[JsonSerializable(typeof(ConnectivityMessage))]
internal sealed partial class RemoteJson : JsonSerializerContext;
