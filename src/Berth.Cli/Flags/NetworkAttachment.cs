using System.Globalization;
using Berth.Api;

namespace Berth.Cli.Flags;

/// <summary>One network that a container is to be in: a value of <c>--network</c>, a name or fields such as <c>name=n,alias=a</c>.</summary>
internal sealed class NetworkAttachment
{
    public string Target { get; private set; } = "";

    public List<string> Aliases { get; } = [];

    public List<string> Links { get; } = [];

    public List<string> LinkLocalAddresses { get; } = [];

    public string? Ip4 { get; set; }

    public string? Ip6 { get; set; }

    public string? MacAddress { get; set; }

    public Dictionary<string, string> DriverOptions { get; } = new(StringComparer.Ordinal);

    public int GatewayPriority { get; private set; }

    /// <summary>A network of the user's own, not one of those that every engine has.</summary>
    public bool IsUserDefined => !(Target is "default" or "bridge" or "host" or "none" || Target.StartsWith("container:", StringComparison.Ordinal));

    public static NetworkAttachment Named(string name) => new() { Target = name };

    /// <exception cref="FlagValueException">A field is unknown or malformed.</exception>
    public static NetworkAttachment Parse(string text)
    {
        var network = new NetworkAttachment();
        if (!HasFields(text))
        {
            network.Target = text;
            return network;
        }

        foreach (string field in CsvFields.Split(text))
            network.Set(field);

        return network.Target.Length > 0 ? network : throw new FlagValueException("network name/id is not specified");
    }

    /// <summary>The part of the request about this network.</summary>
    /// <exception cref="CommandFailedException">What only networks of the user's own can do is asked of another.</exception>
    public EndpointSettings ToSettings()
    {
        if (string.IsNullOrWhiteSpace(Target))
            throw new CommandFailedException("no name set for network", exitCode: 125);

        if (!IsUserDefined && Aliases.Count > 0)
            throw new CommandFailedException("network-scoped aliases are only supported for user-defined networks", exitCode: 125);

        bool hasAddress = Ip4 is not null || Ip6 is not null || LinkLocalAddresses.Count > 0;
        return new EndpointSettings
        {
            Aliases = Aliases.Count > 0 ? Aliases : null,
            Links = Links.Count > 0 ? Links : null,
            DriverOpts = DriverOptions.Count > 0 ? DriverOptions : null,
            GwPriority = GatewayPriority,
            MacAddress = MacAddress is null ? "" : CheckMacAddress(MacAddress),
            IPAMConfig = hasAddress
                ? new EndpointIpamConfig { IPv4Address = Ip4, IPv6Address = Ip6, LinkLocalIPs = LinkLocalAddresses.Count > 0 ? LinkLocalAddresses : null }
                : null,
        };
    }

    /// <summary>Whether anything but the name was asked for.</summary>
    public bool HasSettings => Aliases.Count > 0 || Links.Count > 0 || LinkLocalAddresses.Count > 0 || Ip4 is not null || Ip6 is not null || MacAddress is not null
        || DriverOptions.Count > 0 || GatewayPriority != 0;

    private static string CheckMacAddress(string text)
    {
        string trimmed = text.Trim();
        string[] parts = trimmed.Split(trimmed.Contains('-', StringComparison.Ordinal) ? '-' : ':');
        return parts.Length is 6 or 8 or 20 && parts.All(part => part.Length == 2 && part.All(char.IsAsciiHexDigit))
            ? text
            : throw new CommandFailedException($"{trimmed} is not a valid mac address", exitCode: 125);
    }

    /// <summary>As docker tells the two forms apart: somewhere an equals sign has a letter, a digit or an underscore on either side.</summary>
    private static bool HasFields(string text)
    {
        for (int i = text.IndexOf('='); i >= 0; i = text.IndexOf('=', i + 1))
        {
            if (i > 0 && i + 1 < text.Length && IsWord(text[i - 1]) && IsWord(text[i + 1]))
                return true;
        }

        return false;
    }

    private static bool IsWord(char letter) => char.IsAsciiLetterOrDigit(letter) || letter == '_';

    private void Set(string field)
    {
        int equals = field.IndexOf('=');
        if (equals <= 0)
            throw new FlagValueException($"invalid field {field}");

        string key = field[..equals].Trim().ToLowerInvariant();
        string value = field[(equals + 1)..].Trim();
        switch (key)
        {
            case "name":
                Target = value;
                break;
            case "alias":
                Aliases.Add(value);
                break;
            case "ip":
                Ip4 = value.Length > 0 ? value : null;
                break;
            case "ip6":
                Ip6 = value.Length > 0 ? value : null;
                break;
            case "mac-address":
                MacAddress = value.Length > 0 ? value : null;
                break;
            case "link-local-ip":
                LinkLocalAddresses.Add(value);
                break;
            case "driver-opt":
                AddDriverOption(value);
                break;
            case "gw-priority":
                GatewayPriority = ReadPriority(value);
                break;
            default:
                throw new FlagValueException($"invalid field key {key}");
        }
    }

    private static int ReadPriority(string text)
    {
        if (int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int priority))
            return priority;

        bool isNumber = text.TrimStart('-', '+') is { Length: > 0 } digits && digits.All(char.IsAsciiDigit);
        throw new FlagValueException($"invalid gw-priority ({text}): {(isNumber ? "value out of range" : "invalid syntax")}");
    }

    private void AddDriverOption(string text)
    {
        int equals = text.IndexOf('=');
        if (equals < 0)
            throw new FlagValueException("invalid key value pair format in driver options");

        DriverOptions[text[..equals].Trim().ToLowerInvariant()] = text[(equals + 1)..].Trim();
    }
}
