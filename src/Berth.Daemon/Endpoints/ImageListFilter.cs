using Berth.Api;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary>The filters of the image list and of pruning.</summary>
internal sealed class ImageListFilter
{
    private readonly IReadOnlyDictionary<string, List<string>> filters;
    private readonly bool? dangling;
    private readonly DateTimeOffset? before;
    private readonly DateTimeOffset? since;
    private readonly DateTimeOffset? until;

    /// <param name="filters">By name; each of them one of <see cref="Built"/>.</param>
    /// <param name="find">Finds the images of <c>before</c> and <c>since</c>.</param>
    /// <param name="now">What durations count from.</param>
    /// <exception cref="EngineException">InvalidArgument naming filter and values; NotFound for an image.</exception>
    public ImageListFilter(IReadOnlyDictionary<string, List<string>> filters, Func<string, ImageRecord> find, DateTimeOffset now)
    {
        this.filters = filters;
        dangling = filters.TryGetValue("dangling", out List<string>? values) ? ImageQuery.ReadBoolean("dangling", values) : null;
        before = Created("before", find);
        since = Created("since", find);
        until = filters.TryGetValue("until", out values) && values.Count > 0 ? TimeFilter.Parse(values[0], now) : null;
    }

    /// <summary>The filters of the list.</summary>
    public static ReadOnlySpan<string> Built => (string[])["reference", "dangling", "label", "label!", "before", "since", "until"];

    /// <summary>The filters of pruning.</summary>
    public static ReadOnlySpan<string> Prune => (string[])["dangling", "label", "label!", "until"];

    public bool Fits(ImageRecord image)
    {
        DateTimeOffset created = image.Config.Created ?? DateTimeOffset.UnixEpoch;
        return (dangling is null || dangling == (image.References.Count == 0))
            && (before is null || created < before)
            && (since is null || created > since)
            && (until is null || created < until)
            && (!filters.TryGetValue("label", out List<string>? labels) || labels.TrueForAll(label => HasLabel(image, label)))
            && (!filters.TryGetValue("label!", out List<string>? unwanted) || !unwanted.Exists(label => HasLabel(image, label)))
            && (!filters.TryGetValue("reference", out List<string>? patterns) || image.References.Any(name => patterns.Exists(pattern => Matches(name.Familiar, pattern))));
    }

    /// <summary>Leaves only the names that a reference filter asked for.</summary>
    public ImageSummary Narrow(ImageSummary image)
    {
        if (filters.TryGetValue("reference", out List<string>? patterns))
        {
            image.RepoTags = image.RepoTags?.Where(name => patterns.Exists(pattern => Matches(name, pattern))).ToList();
            image.RepoDigests = image.RepoDigests?.Where(name => patterns.Exists(pattern => Matches(name, pattern))).ToList();
        }

        return image;
    }

    private DateTimeOffset? Created(string filter, Func<string, ImageRecord> find) =>
        filters.TryGetValue(filter, out List<string>? values) && values.Count > 0 ? find(values[0]).Config.Created ?? DateTimeOffset.UnixEpoch : null;

    private static bool HasLabel(ImageRecord image, string label) =>
        label.Split('=', 2) is [var key, .. var rest] && image.Config.Config?.Labels is { } labels && labels.TryGetValue(key, out string? value) && (rest.Length == 0 || rest[0] == value);

    // A pattern without a tag fits every tag of the repository; * and ? do not cross slashes, as in path.Match.
    private static bool Matches(string name, string pattern)
    {
        int end = name.IndexOf('@', StringComparison.Ordinal) is > 0 and int at ? at : name.LastIndexOf(':') is var colon && colon > name.LastIndexOf('/') ? colon : name.Length;
        return MatchesGlob(name, pattern) || MatchesGlob(name.AsSpan(0, end), pattern);
    }

    private static bool MatchesGlob(ReadOnlySpan<char> text, ReadOnlySpan<char> pattern)
    {
        int position = 0;
        int star = -1;
        int resume = 0;
        int index = 0;
        while (index < text.Length)
        {
            if (position < pattern.Length && (pattern[position] == text[index] || (pattern[position] == '?' && text[index] != '/')))
            {
                position++;
                index++;
            }
            else if (position < pattern.Length && pattern[position] == '*')
            {
                star = position++;
                resume = index;
            }
            else if (star >= 0 && text[resume] != '/')
            {
                position = star + 1;
                index = ++resume;
            }
            else
            {
                return false;
            }
        }

        return pattern[position..].TrimStart('*').IsEmpty;
    }
}
