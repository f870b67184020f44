using System.Globalization;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Builds;
using Berth.Model;

namespace Berth.Daemon.Mapping;

/// <summary>What builds keep, and the conditions of <c>POST /build/prune</c>.</summary>
internal static class BuildCacheMapping
{
    private static readonly string[] Filters = ["until", "unused-for", "id", "type", "description", "inuse", "shared", "private", "label", "label!"];

    /// <summary>A step as the API has it.</summary>
    public static BuildCacheRecord ToRecord(CachedStep cached) => new()
    {
        Id = cached.Step.Key.Hex,
        Type = cached.Step.Kind,
        Description = cached.Step.Description,
        InUse = cached.IsInUse,
        Shared = cached.IsShared,
        Size = cached.Step.Size,
        CreatedAt = WireTime.Format(cached.Step.Created),
        LastUsedAt = cached.Step.Uses == 0 ? null : WireTime.Format(cached.LastUsed),
        UsageCount = cached.Step.Uses,
    };

    /// <summary>How many bytes may stay: <c>keep-storage</c>, which newer clients call <c>reserved-space</c>.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    public static long ReadKept(HttpContext context)
    {
        string text = context.GetText("keep-storage") is { Length: > 0 } old ? old : context.GetText("reserved-space") ?? "";
        return text.Length == 0 ? 0
            : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes
            : throw new EngineException(ErrorKind.InvalidArgument, $"keep-storage is in bytes and expects an integer, got {PrintableText.Of(text)}");
    }

    /// <summary>Which steps may go.</summary>
    /// <exception cref="EngineException">InvalidArgument for a filter that there is not, or a value that it cannot have; NotImplemented for <c>parent</c>.</exception>
    public static Func<CachedStep, bool> ReadFilter(HttpContext context, DateTimeOffset now)
    {
        List<Func<CachedStep, bool>> conditions = [];
        foreach ((string name, List<string> values) in context.GetFilters(Filters, ["parent"]))
        {
            if (values.Count > 0)
            {
                conditions.Add(name is "label!" ? static _ => true : Any([.. values.Select(value => Condition(name, value, now))])); // nothing has labels
            }
        }

        return cached => conditions.TrueForAll(condition => condition(cached));
    }

    private static Func<CachedStep, bool> Any(List<Func<CachedStep, bool>> choices) => cached => choices.Exists(choice => choice(cached));

    private static Func<CachedStep, bool> Condition(string name, string value, DateTimeOffset now)
    {
        switch (name)
        {
            case "until" or "unused-for":
                DateTimeOffset limit = TimeValues.Parse(value, now);
                return cached => cached.LastUsed <= limit;
            case "id":
                return cached => value.Length > 0 && cached.Step.Key.Hex.StartsWith(value, StringComparison.Ordinal);
            case "type":
                return cached => cached.Step.Kind == value;
            case "description":
                return cached => cached.Step.Description == value;
            case "label":
                return static _ => false;
            default:
                bool wanted = value switch
                {
                    "" or "1" or "true" => true,
                    "0" or "false" => false,
                    _ => throw new EngineException(ErrorKind.InvalidArgument, $"invalid filter '{name}={PrintableText.Of(value)}': wanted true or false"),
                };
                return cached => (name switch { "inuse" => cached.IsInUse, "shared" => cached.IsShared, _ => !cached.IsShared }) == wanted;
        }
    }
}
