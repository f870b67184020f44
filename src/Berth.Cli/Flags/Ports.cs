using System.Globalization;
using System.Net;
using Berth.Api;

namespace Berth.Cli.Flags;

/// <summary>Ports as <c>--publish</c> and <c>--expose</c> take them.</summary>
internal static class Ports
{
    /// <summary>Adds what <c>[[ip:]host[-host]:]container[-container][/protocol]</c> or <c>target=..,published=..,protocol=..</c> publishes.</summary>
    /// <exception cref="FlagValueException">It is neither.</exception>
    public static void Publish(string text, IDictionary<string, EmptyObject> exposed, IDictionary<string, List<PortBinding>?> bindings)
    {
        string[] parts = (text.Contains('=', StringComparison.Ordinal) ? ToShortForm(text) : text).Split(':');
        string container = parts[^1];
        string host = parts.Length > 1 ? parts[^2] : "";
        string address = Address(string.Join(':', parts[..^Math.Min(parts.Length, 2)]));
        (string protocol, string port) = SplitProtocol(container);
        if (port.Length == 0)
            throw new FlagValueException($"no port specified: {text}<empty>");

        if (!TryRange(port, out (int First, int Last) inside, out _))
            throw new FlagValueException("invalid containerPort: " + port);

        (int First, int Last) outside = default;
        if (host.Length > 0 && !TryRange(host, out outside, out _))
            throw new FlagValueException("invalid hostPort: " + host);

        bool isRange = inside.Last > inside.First;
        if (host.Length > 0 && isRange && inside.Last - inside.First != outside.Last - outside.First)
            throw new FlagValueException($"invalid ranges specified for container and host Ports: {port} and {host}");

        if (protocol.ToLowerInvariant() is not ("tcp" or "udp" or "sctp"))
            throw new FlagValueException("invalid proto: " + protocol);

        for (int i = 0; i <= inside.Last - inside.First; i++)
        {
            string key = Key(inside.First + i, protocol);
            exposed[key] = EmptyObject.Value;
            string outer = host.Length == 0 ? ""
                : !isRange && outside.Last > outside.First ? $"{Number(outside.First)}-{Number(outside.Last)}" // one of these, as the daemon likes
                : Number(outside.First + i);
            if (!bindings.TryGetValue(key, out List<PortBinding>? list) || list is null)
                bindings[key] = list = [];

            list.Add(new PortBinding { HostIp = address, HostPort = outer });
        }
    }

    /// <summary>Adds what <c>port[-port][/protocol]</c> exposes.</summary>
    /// <exception cref="FlagValueException">It is no such thing.</exception>
    public static void Expose(string text, IDictionary<string, EmptyObject> exposed)
    {
        if (text.Contains(':', StringComparison.Ordinal))
            throw new FlagValueException("invalid port format for --expose: " + text);

        (string protocol, string port) = SplitProtocol(text);
        if (!TryRange(port, out (int First, int Last) range, out string problem))
            throw new FlagValueException($"invalid range format for --expose: {text}, error: {problem}");

        for (int i = range.First; i <= range.Last; i++)
            exposed.TryAdd($"{Number(i)}/{protocol}", EmptyObject.Value); // in the case it was written in, as docker sends it
    }

    private static string ToShortForm(string text)
    {
        string target = "";
        string published = "";
        string protocol = "tcp";
        foreach (string field in text.Split(','))
        {
            int equals = field.IndexOf('=');
            if (equals < 0)
                throw new FlagValueException($"invalid publish opts format (should be name=value but got '{field}')");

            string value = field[(equals + 1)..];
            switch (field[..equals])
            {
                case "target":
                    target = value;
                    break;
                case "published":
                    published = value;
                    break;
                case "protocol":
                    protocol = value;
                    break;
            }
        }

        return (published.Length > 0 ? published + ":" : "") + target + "/" + protocol;
    }

    private static string Address(string text)
    {
        string address = text is ['[', .., ']'] ? text[1..^1] : text;
        return address.Length == 0 || (IPAddress.TryParse(address, out IPAddress? parsed) && (address.Contains(':', StringComparison.Ordinal) || parsed.ToString() == address))
            ? address
            : throw new FlagValueException("invalid IP address: " + text);
    }

    private static (string Protocol, string Port) SplitProtocol(string text)
    {
        string[] parts = text.Split('/');
        return parts[0].Length == 0 ? ("", "") : (parts.Length > 1 && parts[1].Length > 0 ? parts[1] : "tcp", parts[0]);
    }

    private static bool TryRange(string text, out (int First, int Last) range, out string problem)
    {
        range = default;
        if (text.Length == 0)
        {
            problem = "empty string specified for ports";
            return false;
        }

        int dash = text.IndexOf('-');
        if (!TryPort(dash < 0 ? text : text[..dash], out int first, out problem) || !TryPort(dash < 0 ? text : text[(dash + 1)..], out int last, out problem))
            return false;

        range = (first, last);
        problem = last < first ? "invalid range specified for port: " + text : "";
        return problem.Length == 0;
    }

    private static bool TryPort(string text, out int port, out string problem)
    {
        problem = "";
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= ushort.MaxValue)
            return true;

        bool digits = text.Length > 0 && text.All(char.IsAsciiDigit);
        problem = $"strconv.ParseUint: parsing \"{text}\": {(digits ? "value out of range" : "invalid syntax")}";
        return false;
    }

    private static string Key(int port, string protocol) => Number(port) + "/" + protocol.ToLowerInvariant();

    private static string Number(int port) => port.ToString(CultureInfo.InvariantCulture);
}
