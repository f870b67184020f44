using System.Globalization;
using System.Text.Json;
using Berth.Model;

namespace Berth.Engine.Images;

/// <summary>The HEALTHCHECK instruction (Dockerfile reference, "HEALTHCHECK") as the document that docker keeps in an image's configuration.</summary>
internal static class HealthcheckChange
{
    private const long Millisecond = 1_000_000;

    /// <param name="text">What follows the keyword; not empty.</param>
    /// <param name="parseList">Reads a JSON array of strings; null when it is none.</param>
    /// <exception cref="EngineException">InvalidArgument in docker's words.</exception>
    public static JsonElement Parse(string text, Func<string, List<string>?> parseList)
    {
        var durations = new Dictionary<string, long>(StringComparer.Ordinal);
        long retries = 0;
        while (text.StartsWith("--", StringComparison.Ordinal))
        {
            int space = text.IndexOfAny([' ', '\t']);
            string flag = space < 0 ? text : text[..space];
            text = space < 0 ? "" : text[space..].TrimStart();
            int equals = flag.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? flag[2..] : flag[2..equals];
            string value = equals < 0 ? throw Invalid($"Missing a value on flag: {name}") : flag[(equals + 1)..];
            switch (name)
            {
                case "interval" or "timeout" or "start-period" or "start-interval":
                    durations[name] = Duration(name, value);
                    break;
                case "retries":
                    retries = Retries(value);
                    break;
                default:
                    throw Invalid($"Unknown flag: {name}");
            }
        }

        return Write(Test(text, parseList), durations, retries);
    }

    /// <summary>The document that switches the health check of an image below off.</summary>
    public static JsonElement None => Write(["NONE"], new Dictionary<string, long>(StringComparer.Ordinal), 0);

    private static List<string> Test(string text, Func<string, List<string>?> parseList)
    {
        int space = text.IndexOfAny([' ', '\t']);
        string type = (space < 0 ? text : text[..space]).ToUpperInvariant();
        string rest = space < 0 ? "" : text[space..].Trim();
        switch (type)
        {
            case "NONE":
                return rest.Length == 0 ? ["NONE"] : throw Invalid("HEALTHCHECK NONE takes no arguments");
            case "CMD":
                if (rest.Length == 0)
                {
                    throw Invalid("Missing command after HEALTHCHECK CMD");
                }

                return parseList(rest) is { } words ? ["CMD", .. words] : ["CMD-SHELL", rest];
            default:
                throw Invalid($"Unknown type \"{type}\" in HEALTHCHECK (try CMD)");
        }
    }

    private static long Duration(string name, string value)
    {
        if (!GoDuration.TryParse(value, out long nanoseconds))
        {
            throw Invalid($"time: invalid duration \"{value}\"");
        }

        return nanoseconds >= Millisecond || nanoseconds < 0 && value.Length == 0 ? nanoseconds : throw Invalid($"Interval \"{name}\" cannot be less than 1ms");
    }

    private static long Retries(string value)
    {
        if (!int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number))
        {
            throw Invalid($"strconv.ParseInt: parsing \"{value}\": invalid syntax");
        }

        return number >= 1 ? number : throw Invalid($"--retries must be at least 1 (not {number})");
    }

    private static JsonElement Write(List<string> test, Dictionary<string, long> durations, long retries)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("Test");
            test.ForEach(writer.WriteStringValue);
            writer.WriteEndArray();
            foreach ((string flag, string member) in (ReadOnlySpan<(string, string)>)[("interval", "Interval"), ("timeout", "Timeout"), ("start-period", "StartPeriod"), ("start-interval", "StartInterval")])
            {
                if (durations.TryGetValue(flag, out long nanoseconds))
                {
                    writer.WriteNumber(member, nanoseconds);
                }
            }

            if (retries > 0)
            {
                writer.WriteNumber("Retries", retries);
            }

            writer.WriteEndObject();
        }

        using JsonDocument document = JsonDocument.Parse(buffer.ToArray());
        return document.RootElement.Clone();
    }

    private static EngineException Invalid(string why) => new(ErrorKind.InvalidArgument, why);
}
