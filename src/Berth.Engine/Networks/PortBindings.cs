using System.Globalization;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;
using Berth.Network.Ports;

namespace Berth.Engine.Networks;

/// <summary>Which ports a container is to have published.</summary>
public static class PortBindings
{
    /// <summary>Those that were named and, with <c>-P</c>, those that it exposes besides.</summary>
    public static List<PortRequest> RequestsOf(ContainerConfig config)
    {
        List<PortRequest> requests = [.. (config.Host.PortBindings ?? []).Select(static binding => new PortRequest(
            binding.Protocol, binding.ContainerPort, binding.HostAddress.Length > 0 ? NetAddress.Parse(binding.HostAddress) : null, binding.FirstPort, binding.LastPort == binding.FirstPort ? (ushort)0 : binding.LastPort))];
        if (config.Host.PublishAllPorts)
        {
            foreach (string text in config.ExposedPorts is { } exposed ? exposed.Keys : (IEnumerable<string>)[])
            {
                (PortProtocol protocol, ushort port) = Parse(text);
                if (!requests.Exists(request => request.Protocol == protocol && request.ContainerPort == port))
                {
                    requests.Add(new PortRequest(protocol, port));
                }
            }
        }

        return requests;
    }

    /// <summary>Reads <c>80/tcp</c>, also without the protocol.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    public static (PortProtocol Protocol, ushort Port) Parse(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string number = slash < 0 ? text : text[..slash];
        PortProtocol protocol = (slash < 0 ? "tcp" : text[(slash + 1)..]).ToLowerInvariant() switch
        {
            "tcp" => PortProtocol.Tcp,
            "udp" => PortProtocol.Udp,
            "sctp" => PortProtocol.Sctp,
            var other => throw new EngineException(ErrorKind.InvalidArgument, $"invalid protocol: {other}"),
        };
        return ushort.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0
            ? (protocol, port)
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid port: {text}; wanted 1 to 65535");
    }

    /// <summary>As the API has it: <c>80/tcp</c>.</summary>
    public static string Format(PortProtocol protocol, ushort port) => $"{port.ToString(CultureInfo.InvariantCulture)}/{protocol.ToString().ToLowerInvariant()}";
}
