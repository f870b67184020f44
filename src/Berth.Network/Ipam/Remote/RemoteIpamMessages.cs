using System.Text.Json.Serialization;

namespace Berth.Network.Ipam.Remote;

// The bodies of docker's remote address driver protocol (libnetwork/docs/ipam.md), as dockerd writes them.

internal sealed record IpamCapabilitiesAnswer
{
    public bool RequiresMACAddress { get; init; }
    public bool RequiresRequestReplay { get; init; }
}

internal sealed record AddressSpacesAnswer
{
    public string LocalDefaultAddressSpace { get; init => field = value ?? ""; } = "";
}

internal sealed record RequestPoolMessage(string AddressSpace, string Pool, string SubPool, IReadOnlyDictionary<string, string> Options, bool V6);

internal sealed record RequestPoolAnswer
{
    public string PoolID { get; init => field = value ?? ""; } = "";
    public string Pool { get; init => field = value ?? ""; } = "";
    public Dictionary<string, string> Data { get; init => field = value ?? []; } = [];
}

internal sealed record ReleasePoolMessage(string PoolID);

internal sealed record RequestAddressMessage(string PoolID, string Address, Dictionary<string, string>? Options);

internal sealed record RequestAddressAnswer
{
    public string Address { get; init => field = value ?? ""; } = "";
}

internal sealed record ReleaseAddressMessage(string PoolID, string Address);

internal sealed record NoIpamMembers;

[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(IpamCapabilitiesAnswer))]
[JsonSerializable(typeof(AddressSpacesAnswer))]
[JsonSerializable(typeof(RequestPoolMessage))]
[JsonSerializable(typeof(RequestPoolAnswer))]
[JsonSerializable(typeof(ReleasePoolMessage))]
[JsonSerializable(typeof(RequestAddressMessage))]
[JsonSerializable(typeof(RequestAddressAnswer))]
[JsonSerializable(typeof(ReleaseAddressMessage))]
[JsonSerializable(typeof(NoIpamMembers))]
internal sealed partial class RemoteIpamJson : JsonSerializerContext;
