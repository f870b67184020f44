using System.Text.Json.Nodes;
using Berth.Network.Ports;

namespace Berth.Network.Drivers.Remote;

/// <summary>The ports of a container, as plugins are told of them: publishing them is theirs.</summary>
/// <param name="Exposed">Those that the container has, published or not.</param>
/// <param name="Published">Those that are to be published.</param>
public sealed record RemotePorts(IReadOnlyList<(PortProtocol Protocol, ushort Port)> Exposed, IReadOnlyList<PortRequest> Published)
{
    public static RemotePorts None { get; } = new([], []);

    /// <summary>docker's two options for them.</summary>
    internal static JsonObject Write(RemotePorts ports)
    {
        JsonNode?[] exposed = [.. ports.Exposed.Select(static port => new JsonObject { ["Proto"] = Number(port.Protocol), ["Port"] = port.Port })];
        JsonNode?[] published = [.. ports.Published.Select(static port => new JsonObject
        {
            ["Proto"] = Number(port.Protocol),
            ["IP"] = "",
            ["Port"] = port.ContainerPort,
            ["HostIP"] = port.HostAddress?.ToString() ?? "",
            ["HostPort"] = port.FirstHostPort,
            ["HostPortEnd"] = port.End,
        })];
        return new JsonObject { ["com.docker.network.endpoint.exposedports"] = new JsonArray(exposed), ["com.docker.network.portmap"] = new JsonArray(published) };
    }

    // IPPROTO_* of netinet/in.h.
    private static int Number(PortProtocol protocol) => protocol switch
    {
        PortProtocol.Udp => 17,
        PortProtocol.Sctp => 132,
        _ => 6,
    };
}
