using System.Globalization;
using Berth.Api;

namespace Berth.Cli.Flags;

/// <summary>Values of flags that have a grammar. All throw <see cref="FlagValueException"/> for what they do not understand.</summary>
internal static class Values
{
    /// <summary>A size such as <c>64m</c> or <c>1.5GiB</c> in bytes; letters are powers of 1024.</summary>
    public static long Bytes(string text)
    {
        int digits = 0;
        while (digits < text.Length && (char.IsAsciiDigit(text[digits]) || text[digits] == '.'))
            digits++;

        string suffix = text[digits..].TrimStart().ToLowerInvariant();
        int power = suffix.Length == 0 ? 0 : "bkmgtp".IndexOf(suffix[0], StringComparison.Ordinal);
        bool known = suffix.Length <= 1 || (power > 0 && suffix[1..] is "b" or "ib");
        return power >= 0 && known && double.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            ? (long)(number * Math.Pow(1024, power)) // saturates
            : throw new FlagValueException($"invalid size: '{text}'");
    }

    /// <summary>A number that the API has 32 bits for.</summary>
    public static int Int(long value) => value is >= int.MinValue and <= int.MaxValue
        ? (int)value
        : throw new FlagValueException($"strconv.ParseInt: parsing \"{value}\": value out of range");

    /// <summary>A platform <c>os[/arch[/variant]]</c> as the API takes it, in JSON.</summary>
    public static string Platform(string text)
    {
        string[] parts = text.Split('/');
        if (parts.Length > 3 || Array.Exists(parts, part => part.Length == 0 || !part.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' or '.')))
            throw new FlagValueException($"invalid platform: \"{text}\": wanted os[/arch[/variant]]");

        (string os, string architecture) = parts is [string single] && single is "amd64" or "arm64" or "arm" or "386" or "ppc64le" or "s390x" or "riscv64"
            ? ("linux", parts[0])
            : (parts[0], parts.Length > 1 ? parts[1] : "");
        string members = $"\"os\":\"{os}\"";
        if (architecture.Length > 0)
            members = $"\"architecture\":\"{architecture}\"," + members;

        return parts.Length > 2 ? $"{{{members},\"variant\":\"{parts[2]}\"}}" : $"{{{members}}}";
    }

    /// <summary>A number of CPUs with up to nine decimals, in thousand-millionths.</summary>
    public static long NanoCpus(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal cpus) && decimal.IsInteger(cpus * 1_000_000_000m)
            ? (long)(cpus * 1_000_000_000m)
            : throw new FlagValueException(decimal.TryParse(text, CultureInfo.InvariantCulture, out _) ? "value is too precise" : $"failed to parse {text} as a rational number");

    /// <summary>A duration such as <c>1h30m</c> or <c>500ms</c> in nanoseconds.</summary>
    public static long Duration(string text)
    {
        if (text == "0")
            return 0;

        double total = 0;
        int position = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
        bool valid = position < text.Length;
        while (valid && position < text.Length)
        {
            int start = position;
            while (position < text.Length && (char.IsAsciiDigit(text[position]) || text[position] == '.'))
                position++;

            valid = double.TryParse(text.AsSpan(start, position - start), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number);
            int unitStart = position;
            while (position < text.Length && !char.IsAsciiDigit(text[position]) && text[position] != '.')
                position++;

            double unit = text[unitStart..position] switch
            {
                "ns" => 1,
                "us" or "µs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => 0,
            };
            if (valid && unit == 0)
                throw new FlagValueException(position == unitStart ? $"time: missing unit in duration \"{text}\"" : $"time: unknown unit \"{text[unitStart..position]}\" in duration \"{text}\"");

            total += number * unit;
        }

        return valid ? (long)(text[0] == '-' ? -total : total) : throw new FlagValueException($"time: invalid duration \"{text}\"");
    }

    /// <summary><c>no</c>, <c>always</c>, <c>unless-stopped</c> or <c>on-failure[:count]</c>.</summary>
    public static RestartPolicy Restart(string text)
    {
        string[] parts = text.Split(':', 2);
        int count = 0;
        if (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out count))
            throw new FlagValueException("invalid restart policy format: maximum retry count must be an integer");

        return parts[0].Length > 0 || parts.Length == 1
            ? new RestartPolicy { Name = parts[0], MaximumRetryCount = count }
            : throw new FlagValueException("invalid restart policy format: no policy provided before colon");
    }

    /// <summary><c>name=soft[:hard]</c>.</summary>
    public static Ulimit Ulimit(string text)
    {
        int equals = text.IndexOf('=');
        string[] limits = text[(equals + 1)..].Split(':');
        if (equals <= 0 || limits.Length > 2 || !TryLimit(limits[0], out long soft))
            throw new FlagValueException($"invalid ulimit argument: {text}");

        long hard = soft;
        if (limits.Length == 2 && !TryLimit(limits[1], out hard))
            throw new FlagValueException($"invalid ulimit argument: {text}");

        return hard == -1 || (soft != -1 && soft <= hard)
            ? new Ulimit { Name = text[..equals], Soft = soft, Hard = hard }
            : throw new FlagValueException($"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}");
    }

    /// <summary><c>host[:container[:permissions]]</c>.</summary>
    public static DeviceMapping Device(string text)
    {
        string[] parts = text.Split(':');
        if (parts.Length > 3 || parts[0].Length == 0)
            throw new FlagValueException($"invalid device specification: {text}");

        bool secondIsMode = parts.Length == 2 && IsDeviceMode(parts[1]);
        if (parts.Length == 3 && !IsDeviceMode(parts[2]))
            throw new FlagValueException($"bad mode specified: {parts[2]}");

        return new DeviceMapping
        {
            PathOnHost = parts[0],
            PathInContainer = parts.Length > 1 && !secondIsMode ? parts[1] : parts[0],
            CgroupPermissions = secondIsMode ? parts[1] : parts.Length == 3 ? parts[2] : "rwm",
        };
    }

    /// <summary>An entry of the hosts file, <c>name:address</c> or <c>name=address</c>; the address may be in brackets.</summary>
    public static string ExtraHost(string text)
    {
        int at = text.IndexOf('=') is >= 0 and var equals ? equals : text.IndexOf(':');
        if (at <= 0)
            throw new FlagValueException($"bad format for add-host: \"{text}\"");

        string address = text[(at + 1)..];
        address = address is ['[', .., ']'] ? address[1..^1] : address;
        return address == "host-gateway" || System.Net.IPAddress.TryParse(address, out _)
            ? $"{text[..at]}:{address}"
            : throw new FlagValueException($"invalid IP address in add-host: \"{address}\"");
    }

    /// <summary>An address, written as it will be used.</summary>
    public static string IpAddress(string text) => System.Net.IPAddress.TryParse(text.Trim(), out System.Net.IPAddress? address)
        ? address.ToString()
        : throw new FlagValueException($"IP address is not correctly formatted: {text}");

    /// <summary>A link to another container, <c>name[:alias]</c>.</summary>
    public static string Link(string text) => text switch
    {
        "" => throw new FlagValueException("empty string specified for links"),
        _ when text.Split(':').Length > 2 => throw new FlagValueException("bad format for links: " + text),
        _ => text,
    };

    /// <summary>A domain to search names in, without its last dot; a dot alone for none.</summary>
    public static string SearchDomain(string text)
    {
        string domain = text.Trim(' ');
        if (domain == ".")
            return domain;

        string name = domain.TrimEnd().EndsWith('.') ? domain.TrimEnd()[..^1] : domain.TrimEnd();
        return name.Length < 255 && name.Any(char.IsAsciiLetter) && name.Split('.').All(IsDomainLabel) ? name : throw new FlagValueException($"{domain} is not a valid domain");
    }

    /// <summary>A label <c>key[=value]</c>.</summary>
    public static string Label(string text) => text.StartsWith('=') ? throw new FlagValueException($"invalid label '{text}': empty name") : text;

    /// <summary>A block I/O weight.</summary>
    public static ushort Weight(long value) => value is >= 0 and <= ushort.MaxValue
        ? (ushort)value
        : throw new FlagValueException($"strconv.ParseUint: parsing \"{value}\": value out of range");

    /// <summary>A filter <c>name=value</c>.</summary>
    public static KeyValuePair<string, string> Filter(string text)
    {
        int equals = text.IndexOf('=');
        return equals >= 0
            ? new KeyValuePair<string, string>(text[..equals].Trim().ToLowerInvariant(), text[(equals + 1)..].Trim())
            : throw new FlagValueException("bad format of filter (expected name=value)");
    }

    /// <summary>A map of <c>key=value</c>; a key without value has an empty one.</summary>
    public static Dictionary<string, string> Map(IEnumerable<string> pairs)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in pairs)
        {
            int equals = pair.IndexOf('=');
            map[equals < 0 ? pair : pair[..equals]] = equals < 0 ? "" : pair[(equals + 1)..];
        }

        return map;
    }

    private static bool IsDomainLabel(string label) =>
        label.Length > 0 && label.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '-') && label[0] != '-' && label[^1] != '-';

    private static bool IsDeviceMode(string text) =>
        text.Length is > 0 and <= 3 && text.All(letter => letter is 'r' or 'w' or 'm') && text.Distinct().Count() == text.Length;

    private static bool TryLimit(string text, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= -1;
}
