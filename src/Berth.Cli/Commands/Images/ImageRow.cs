using Berth.Api;
using Berth.Cli.Formatting;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Commands.Images;

/// <summary>One name of an image as <c>images</c> shows it; members are those of docker's formats.</summary>
internal sealed class ImageRow : IFieldSource
{
    private const string None = "<none>";

    private readonly ImageSummary image;
    private readonly bool truncate;
    private readonly string repository;
    private readonly string tag;
    private readonly string digest;

    private ImageRow(ImageSummary image, bool truncate, string repository, string tag, string digest)
    {
        this.image = image;
        this.truncate = truncate;
        this.repository = repository;
        this.tag = tag;
        this.digest = digest;
    }

    /// <summary>The titles of all columns.</summary>
    public static HeaderRow Header { get; } = new(
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"));

    public string TypeName => "*formatter.imageContext";

    public IEnumerable<string> FieldNames => Header.Names;

    /// <summary>An image's rows: one for each tag (with its digest when <paramref name="digests"/>), for each digest of an untagged repository (shown if <paramref name="digestRows"/>), or one without a name.</summary>
    public static IEnumerable<ImageRow> Of(ImageSummary image, bool truncate, bool digests, bool digestRows)
    {
        string[] tags = [.. (image.RepoTags ?? []).Where(name => name != "<none>:<none>")];
        string[] named = [.. (image.RepoDigests ?? []).Where(name => !name.StartsWith("<none>@", StringComparison.Ordinal))];
        bool any = false;
        foreach (string name in tags)
        {
            any = true;
            int colon = name.LastIndexOf(':');
            string prefix = name[..colon] + "@";
            string? known = digests ? named.FirstOrDefault(text => text.StartsWith(prefix, StringComparison.Ordinal)) : null;
            yield return new ImageRow(image, truncate, name[..colon], name[(colon + 1)..], known?[prefix.Length..] ?? None);
        }

        foreach (string name in named)
        {
            int at = name.IndexOf('@');
            if (tags.Any(text => text.StartsWith(name[..at] + ":", StringComparison.Ordinal)))
                continue;

            any = true;
            yield return new ImageRow(image, truncate, name[..at], None, digestRows ? name[(at + 1)..] : "");
        }

        if (!any)
            yield return new ImageRow(image, truncate, None, None, None);
    }

    /// <summary>An image's first name alone, without digests.</summary>
    public static ImageRow First(ImageSummary image, bool truncate)
    {
        string name = image.RepoTags is [string first, ..] && first != "<none>:<none>" ? first : $"{None}:{None}";
        int colon = name.LastIndexOf(':');
        return new ImageRow(image, truncate, name[..colon], name[(colon + 1)..], "");
    }

    public int ArgumentsOf(string name) => Header.Has(name) ? 0 : -1;

    public string? GetField(string name, string argument) => Field(name);

    private string? Field(string name) => name switch
    {
        "ID" => truncate ? Units.ShortId(image.Id) : image.Id,
        "Repository" => repository,
        "Tag" => tag,
        "Digest" => digest,
        "CreatedSince" => image.Created == 0 ? "N/A" : Units.Age(DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(image.Created)) + " ago",
        "CreatedAt" => Units.Time(image.Created),
        "Size" => Units.Size(image.Size),
        "VirtualSize" => Units.ExactSize(image.Size),
        "Containers" => Known(image.Containers, image.Containers.ToString()),
        "SharedSize" => Known(image.SharedSize, Units.ExactSize(image.SharedSize)),
        "UniqueSize" => Known(image.SharedSize, Units.ExactSize(image.Size - image.SharedSize)),
        _ => null,
    };

    private static string Known(long value, string text) => value < 0 ? "N/A" : text;
}
