using Berth.Daemon.Http;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>What a prune takes: what is older than a moment and has, or has not, labels.</summary>
internal sealed class PruneFilter
{
    private readonly DateTimeOffset? until;
    private readonly List<string> with;
    private readonly List<string> without;

    private PruneFilter(DateTimeOffset? until, List<string> with, List<string> without)
    {
        this.until = until;
        this.with = with;
        this.without = without;
    }

    /// <summary>The filters there are.</summary>
    public static ReadOnlySpan<string> Names => (string[])["until", "label", "label!"];

    /// <exception cref="EngineException">InvalidArgument for a moment that is none, or more than one.</exception>
    public static PruneFilter Read(Dictionary<string, List<string>> values, DateTimeOffset now)
    {
        List<string> moments = values.GetValueOrDefault("until") ?? [];
        if (moments.Count > 1)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "more than one until filter specified");
        }

        return new PruneFilter(moments.Count == 0 ? null : TimeValues.Parse(moments[0], now), values.GetValueOrDefault("label") ?? [], values.GetValueOrDefault("label!") ?? []);
    }

    /// <summary>Whether a thing made at that time with these labels is taken.</summary>
    public bool Includes(DateTimeOffset created, IReadOnlyDictionary<string, string> labels) =>
        (until is not { } limit || created <= limit) && with.TrueForAll(label => Has(labels, label)) && !without.Exists(label => Has(labels, label));

    private static bool Has(IReadOnlyDictionary<string, string> labels, string label) =>
        label.Split('=', 2) is [var key, .. var rest] && labels.TryGetValue(key, out string? actual) && (rest.Length == 0 || rest[0] == actual);
}
