using System.Globalization;
using Berth.Api;

namespace Berth.Cli.Flags;

/// <summary>Values of flags about devices. All throw <see cref="FlagValueException"/> for what they do not understand.</summary>
internal static class DeviceValues
{
    /// <summary><c>device:weight</c>.</summary>
    public static WeightDevice Weight(string text)
    {
        (string path, string value) = Split(text);
        return ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ushort weight) && weight is 0 or (>= 10 and <= 1000)
            ? new WeightDevice { Path = path, Weight = weight }
            : throw new FlagValueException($"invalid weight for device: {text}");
    }

    /// <summary><c>device:bytes</c>, the bytes with or without a unit.</summary>
    public static ThrottleDevice ByteRate(string text)
    {
        (string path, string value) = Split(text);
        try
        {
            return new ThrottleDevice { Path = path, Rate = (ulong)Values.Bytes(value) };
        }
        catch (FlagValueException)
        {
            throw new FlagValueException($"invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. "
                + "Number must be a positive integer. Unit is optional and can be kb, mb, or gb");
        }
    }

    /// <summary><c>device:operations</c>.</summary>
    public static ThrottleDevice OperationRate(string text)
    {
        (string path, string value) = Split(text);
        return ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong rate)
            ? new ThrottleDevice { Path = path, Rate = rate }
            : throw new FlagValueException($"invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive integer");
    }

    /// <summary>A rule of the devices' control group, such as <c>c 1:* rwm</c>.</summary>
    public static string CgroupRule(string text)
    {
        string[] words = text.Split(' ');
        bool valid = words is [("a" or "b" or "c"), _, { Length: >= 1 and <= 3 } access]
            && access.All(letter => letter is 'r' or 'w' or 'm')
            && words[1].Split(':') is [var major, var minor] && IsNumber(major) && IsNumber(minor);
        return valid ? text : throw new FlagValueException($"invalid device cgroup format '{text}'");
    }

    /// <summary><c>all</c>, a count, or fields such as <c>driver=x,"device=0,1"</c>.</summary>
    public static DeviceRequest Gpus(string text)
    {
        var request = new DeviceRequest { Capabilities = [["gpu"]], Options = [] };
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (string field in CsvFields.Split(text))
        {
            int equals = field.IndexOf('=');
            string key = equals < 0 ? "count" : field[..equals];
            string value = equals < 0 ? field : field[(equals + 1)..];
            if (!seen.Add(key))
                throw new FlagValueException($"gpu request key '{key}' can be specified only once");

            switch (key)
            {
                case "driver":
                    request.Driver = value;
                    break;
                case "count":
                    request.Count = Count(value);
                    break;
                case "device":
                    request.DeviceIDs = [.. value.Split(',')];
                    break;
                case "capabilities":
                    request.Capabilities = [[.. value.Split(','), "gpu"]];
                    break;
                case "options":
                    request.Options = Values.Map(CsvFields.Split(value));
                    break;
                default:
                    throw new FlagValueException($"unexpected key '{key}' in '{field}'");
            }
        }

        if (!seen.Contains("count") && request.DeviceIDs is null)
            request.Count = 1;

        return request;
    }

    private static int Count(string text)
    {
        if (text == "all")
            return -1;

        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int count)
            ? count
            : throw new FlagValueException($"invalid count ({text}): value must be either \"all\" or an integer: invalid syntax");
    }

    private static bool IsNumber(string text) => text == "*" || (text.Length > 0 && text.All(char.IsAsciiDigit));

    private static (string Path, string Value) Split(string text)
    {
        int colon = text.IndexOf(':');
        if (colon <= 0)
            throw new FlagValueException($"bad format: {text}");

        return text.StartsWith("/dev/", StringComparison.Ordinal)
            ? (text[..colon], text[(colon + 1)..])
            : throw new FlagValueException($"bad format for device path: {text}");
    }
}
