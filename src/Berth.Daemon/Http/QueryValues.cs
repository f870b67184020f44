using System.Globalization;
using System.Text.Json;
using Berth.Api;
using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>Typed access to the query, with the rules of the API.</summary>
internal static class QueryValues
{
    public static string? GetText(this HttpContext context, string name) => context.Request.Query.TryGetValue(name, out var value) && value.Count > 0 ? value[0] : null;

    /// <summary>Absent, empty, <c>0</c>, <c>no</c>, <c>false</c>, <c>none</c> are false; all else is true.</summary>
    public static bool GetBoolean(this HttpContext context, string name, bool fallback = false) =>
        context.GetText(name) is { } text ? text.Trim().ToLowerInvariant() is not ("" or "0" or "no" or "false" or "none") : fallback;

    /// <summary>Refuses parameters that docker's engine reads and this build does not: those that are there, not empty and not false.</summary>
    /// <exception cref="EngineException">NotImplemented naming the parameter.</exception>
    public static void RefuseUnbuilt(this HttpContext context, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (context.GetBoolean(name))
            {
                throw new EngineException(ErrorKind.NotImplemented, $"{name} is not supported yet; leave it out");
            }
        }
    }

    public static int? GetInteger(this HttpContext context, string name) => context.GetText(name) switch
    {
        null or "" => null,
        var text => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid {name} \"{text}\": wanted a whole number"),
    };

    /// <summary>A time in seconds since 1970 with up to nine decimals; null when absent or 0.</summary>
    public static DateTimeOffset? GetTimestamp(this HttpContext context, string name)
    {
        string? text = context.GetText(name);
        if (text is null or "" or "0")
        {
            return null;
        }

        return decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out decimal seconds)
            && seconds is > -62135596800 and < 253402300800
            ? DateTimeOffset.UnixEpoch.AddTicks((long)(seconds * TimeSpan.TicksPerSecond))
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid {name} \"{text}\": wanted seconds since 1970");
    }

    /// <summary>
    /// The filters of a list: either <c>{"name":["a"]}</c> or the older <c>{"name":{"a":true}}</c>.
    /// </summary>
    /// <param name="context">The request.</param>
    /// <param name="built">The names that are understood.</param>
    /// <param name="unbuilt">The names that docker's engine understands besides.</param>
    /// <exception cref="EngineException">InvalidArgument when it is neither form or names no filter; NotImplemented for one of <paramref name="unbuilt"/>.</exception>
    public static Dictionary<string, List<string>> GetFilters(this HttpContext context, ReadOnlySpan<string> built, ReadOnlySpan<string> unbuilt = default)
    {
        var result = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        string? text = context.GetText("filters");
        if (string.IsNullOrEmpty(text))
        {
            return result;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            foreach (JsonProperty property in document.RootElement.EnumerateObject())
            {
                result[property.Name] = property.Value.ValueKind == JsonValueKind.Array
                    ? [.. property.Value.EnumerateArray().Select(static value => value.GetString() ?? "")]
                    : [.. property.Value.EnumerateObject().Where(static value => value.Value.GetBoolean()).Select(static value => value.Name)];
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "invalid filter: wanted a JSON object of lists", exception);
        }

        foreach (string name in result.Keys)
        {
            if (unbuilt.Contains(name))
            {
                throw new EngineException(ErrorKind.NotImplemented, $"filter '{name}' is not supported yet; leave it out");
            }

            if (!built.Contains(name))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"Invalid filter '{name}'");
            }
        }

        return result;
    }
}
