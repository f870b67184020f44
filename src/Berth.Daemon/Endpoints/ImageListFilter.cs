using Berth.Api;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Endpoints;

/// <summary>The filters of the image list.</summary>
internal static class ImageListFilter
{
    /// <summary>The filters that are built.</summary>
    public static ReadOnlySpan<string> Built => (string[])["reference", "dangling", "label"];

    /// <summary>The filters that docker's engine has besides.</summary>
    public static ReadOnlySpan<string> Unbuilt => (string[])["before", "since", "until", "label!"];

    /// <summary>Refuses values that are none of their filter's.</summary>
    /// <exception cref="EngineException">InvalidArgument naming filter and values.</exception>
    public static void Check(IReadOnlyDictionary<string, List<string>> filters)
    {
        if (filters.TryGetValue("dangling", out List<string>? values) && (values.Count == 0 || values.Exists(IsTrue) == values.Exists(static value => value is "false" or "0")))
        {
            throw new EngineException(ErrorKind.InvalidArgument, values.Count == 0 ? "invalid filter 'dangling'" : $"invalid filter 'dangling=[{string.Join(' ', values)}]'");
        }
    }

    public static bool Fits(ImageRecord image, IReadOnlyDictionary<string, List<string>> filters)
    {
        bool isDangling = image.References.Count == 0;
        bool wantsDangling = filters.TryGetValue("dangling", out List<string>? values) && values.Exists(IsTrue);
        return (values is null || wantsDangling == isDangling)
            && (!filters.TryGetValue("label", out List<string>? labels) || labels.TrueForAll(label => HasLabel(image, label)))
            && (!filters.TryGetValue("reference", out List<string>? patterns) || image.References.Any(name => patterns.Exists(pattern => Matches(name.Familiar, pattern))));
    }

    /// <summary>Leaves only the names that a reference filter asked for.</summary>
    public static ImageSummary Narrow(ImageSummary image, IReadOnlyDictionary<string, List<string>> filters)
    {
        if (filters.TryGetValue("reference", out List<string>? patterns))
        {
            image.RepoTags = image.RepoTags?.Where(name => patterns.Exists(pattern => Matches(name, pattern))).ToList();
            image.RepoDigests = image.RepoDigests?.Where(name => patterns.Exists(pattern => Matches(name, pattern))).ToList();
        }

        return image;
    }

    private static bool IsTrue(string value) => value is "true" or "1";

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
