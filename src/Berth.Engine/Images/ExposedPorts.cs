using System.Globalization;
using System.Net;
using Berth.Model;

namespace Berth.Engine.Images;

/// <summary>The ports of an EXPOSE instruction: <c>[[IP:]HOST:]PORT[-PORT][/PROTOCOL]</c>; what is said of the host is checked and left out, as in docker.</summary>
internal static class ExposedPorts
{
    /// <summary>Every port that <paramref name="text"/> names, as <c>port/protocol</c>.</summary>
    /// <exception cref="EngineException">InvalidArgument naming what is wrong in docker's words.</exception>
    public static IEnumerable<string> Parse(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string protocol = slash < 0 ? "tcp" : text[(slash + 1)..].ToLowerInvariant();
        if (protocol is not ("tcp" or "udp" or "sctp"))
        {
            throw Invalid("proto", protocol);
        }

        string ports = slash < 0 ? text : text[..slash];
        int last = ports.LastIndexOf(':');
        (int First, int Last) container = Range(ports[(last + 1)..], "containerPort");
        if (last >= 0)
        {
            CheckHost(ports[..last], container);
        }

        return Enumerable.Range(container.First, container.Last - container.First + 1).Select(port => string.Create(CultureInfo.InvariantCulture, $"{port}/{protocol}"));
    }

    private static void CheckHost(string text, (int First, int Last) container)
    {
        int last = text.LastIndexOf(':');
        string address = last < 0 ? "" : text[..last].Trim('[', ']');
        if (address.Length > 0 && !IPAddress.TryParse(address, out _))
        {
            throw Invalid("ip address", address);
        }

        if (text[(last + 1)..] is { Length: > 0 } host)
        {
            (int First, int Last) range = Range(host, "hostPort");
            if (range.Last - range.First != container.Last - container.First && container.First != container.Last)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"Invalid ranges specified for container and host Ports: {container.First}-{container.Last} and {host}");
            }
        }
    }

    private static (int First, int Last) Range(string text, string what)
    {
        string[] ends = text.Split('-');
        return ends.Length <= 2 && ushort.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first)
            && ushort.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort last) && first <= last
                ? (first, last)
                : throw Invalid(what, text);
    }

    private static EngineException Invalid(string what, string text) => new(ErrorKind.InvalidArgument, $"Invalid {what}: {text}");
}
