using System.Globalization;
using System.Net;

namespace Berth.Dockerfile.Instructions;

/// <summary>The ports of EXPOSE: <c>80</c>, <c>80/udp</c>, <c>8000-8010/tcp</c>; an address or a host's port before it is allowed and means nothing, as in docker.</summary>
public static class ExposedPorts
{
    /// <summary>The ports as an image's configuration has them, <c>80/tcp</c>, each once, in order of the instruction.</summary>
    /// <exception cref="DockerfileException">A port that is none, or too many.</exception>
    public static IReadOnlyList<string> Parse(IReadOnlyList<string> specs, DockerfileLimits? limits = null, SourceRange range = default)
    {
        int maxPorts = (limits ?? DockerfileLimits.Default).MaxPorts;
        var ports = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        int count = 0;
        foreach (string spec in specs)
        {
            (int first, int last, string protocol) = ParseOne(spec, range);
            count += last - first + 1;
            if (count > maxPorts)
            {
                throw Wrong($"EXPOSE names more than {maxPorts} ports", range);
            }

            for (int port = first; port <= last; port++)
            {
                string text = string.Create(CultureInfo.InvariantCulture, $"{port}/{protocol}");
                if (seen.Add(text))
                {
                    ports.Add(text);
                }
            }
        }

        return ports;
    }

    private static (int First, int Last, string Protocol) ParseOne(string spec, SourceRange range)
    {
        int colon = spec.LastIndexOf(':');
        string container = spec[(colon + 1)..];
        int slash = container.IndexOf('/', StringComparison.Ordinal);
        string port = slash < 0 ? container : container[..slash];
        string protocol = slash < 0 || slash == container.Length - 1 ? "tcp" : container[(slash + 1)..].ToLowerInvariant();
        if (port.Length == 0)
        {
            throw Wrong($"No port specified: {spec}<empty>", range);
        }

        if (protocol is not ("tcp" or "udp" or "sctp"))
        {
            throw Wrong($"Invalid proto: {protocol}", range);
        }

        (int First, int Last) ports = ParseRange(port) ?? throw Wrong($"Invalid containerPort: {port}", range);
        if (colon >= 0)
        {
            CheckHost(spec[..colon], ports, port, range);
        }

        return (ports.First, ports.Last, protocol);
    }

    private static void CheckHost(string host, (int First, int Last) ports, string port, SourceRange range)
    {
        int colon = host.LastIndexOf(':');
        string address = colon < 0 ? "" : host[..colon].Trim('[', ']');
        string hostPort = host[(colon + 1)..];
        if (address.Length > 0 && !IPAddress.TryParse(address, out _))
        {
            throw Wrong($"Invalid ip address: {address}", range);
        }

        if (hostPort.Length == 0)
        {
            return;
        }

        (int First, int Last) outside = ParseRange(hostPort) ?? throw Wrong($"Invalid hostPort: {hostPort}", range);
        if (outside.Last - outside.First != ports.Last - ports.First && ports.First != ports.Last)
        {
            throw Wrong($"Invalid ranges specified for container and host Ports: {port} and {hostPort}", range);
        }
    }

    private static (int First, int Last)? ParseRange(string text)
    {
        int dash = text.IndexOf('-', StringComparison.Ordinal);
        if (!ushort.TryParse(dash < 0 ? text : text[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first))
        {
            return null;
        }

        ushort last = first;
        bool isRange = dash < 0 || ushort.TryParse(text.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out last);
        return isRange && last >= first ? (first, last) : null;
    }

    private static DockerfileException Wrong(string reason, SourceRange range) => new(DockerfileErrorKind.Expansion, reason, range);
}
