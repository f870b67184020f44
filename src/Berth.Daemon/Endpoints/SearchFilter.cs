using System.Globalization;
using Berth.Api;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>Which of a search's hits are meant: <c>stars</c>, <c>is-official</c>, <c>is-automated</c>.</summary>
internal sealed record SearchFilter(int Stars, bool? IsOfficial, bool? IsAutomated)
{
    /// <summary>The filters that there are.</summary>
    public static readonly string[] Built = ["stars", "is-official", "is-automated"];

    /// <summary>Reads the request's filters.</summary>
    /// <exception cref="EngineException">InvalidArgument for a value that is none.</exception>
    public static SearchFilter Read(Dictionary<string, List<string>> filters)
    {
        int stars = 0;
        foreach (string text in filters.GetValueOrDefault("stars") ?? [])
        {
            stars = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                ? Math.Max(stars, number)
                : throw new EngineException(ErrorKind.InvalidArgument, $"invalid filter 'stars=[{text}]'");
        }

        return new SearchFilter(stars, Read(filters, "is-official"), Read(filters, "is-automated"));
    }

    public bool Fits(ImageSearchHit hit) =>
        hit.StarCount >= Stars && (IsOfficial is null || IsOfficial == hit.IsOfficial) && (IsAutomated is null || IsAutomated == hit.IsAutomated);

    private static bool? Read(Dictionary<string, List<string>> filters, string name) =>
        filters.TryGetValue(name, out List<string>? values) ? ImageQuery.ReadBoolean(name, values) : null;
}
