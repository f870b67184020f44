using System.Globalization;

namespace Berth.Dockerfile.Instructions;

/// <summary>What is mounted while a RUN runs.</summary>
public enum RunMountKind
{
    /// <summary>Files of the context, a stage or an image.</summary>
    Bind,

    /// <summary>A folder that is kept between builds.</summary>
    Cache,

    /// <summary>Memory.</summary>
    Tmpfs,

    /// <summary>A secret of the client.</summary>
    Secret,

    /// <summary>The client's ssh agent.</summary>
    Ssh,
}

/// <summary>Who may use a cache at the same time.</summary>
public enum CacheSharing
{
    /// <summary>Everybody.</summary>
    Shared,

    /// <summary>Nobody else: another one gets a cache of its own.</summary>
    Private,

    /// <summary>Nobody else: another one waits.</summary>
    Locked,
}

/// <summary>A mount of RUN, <c>--mount=type=...,...</c>. An option that the type does not have is an error, not ignored.</summary>
public sealed record RunMount
{
    private static readonly string[] Options =
    [
        "type", "from", "source", "src", "target", "dst", "destination", "readonly", "ro", "readwrite", "rw", "id", "sharing", "required", "size",
        "mode", "uid", "gid", "env",
    ];

    /// <summary>What is mounted.</summary>
    public RunMountKind Kind { get; init; }

    /// <summary>The stage, image or context of the source; null for the build context (a cache: an empty folder).</summary>
    public string? From { get; init; }

    /// <summary>The path in <see cref="From"/>; of a secret its id.</summary>
    public string? Source { get; init; }

    /// <summary>The path in the container, relative to the working folder; null for the kind's own place.</summary>
    public string? Target { get; init; }

    /// <summary>Whether nothing can be written. Bind mounts, secrets and agents are read-only unless told otherwise.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>The cache's, the secret's or the agent's name; null for the one that follows from the target.</summary>
    public string? Id { get; init; }

    /// <summary>Who may use the cache at the same time.</summary>
    public CacheSharing Sharing { get; init; }

    /// <summary>Whether the build fails where the client has no such secret or agent.</summary>
    public bool IsRequired { get; init; }

    /// <summary>The limit of a tmpfs in bytes, or null.</summary>
    public long? Size { get; init; }

    /// <summary>The mode of the cache's folder, the secret or the agent's socket.</summary>
    public uint? Mode { get; init; }

    /// <summary>Its owner.</summary>
    public uint? Uid { get; init; }

    /// <summary>Its group.</summary>
    public uint? Gid { get; init; }

    /// <summary>The variable that the secret is put into; empty for one named like the secret.</summary>
    public string? Env { get; init; }

    /// <summary>Reads the flag's value.</summary>
    /// <param name="text">Fields with commas between them; a field in double quotes may contain commas.</param>
    /// <param name="expand">Puts variables in; null where they are not known yet: then values with variables are not looked at, and the answer is null if there are any.</param>
    /// <exception cref="DockerfileException">An option that is none, or a wrong value.</exception>
    public static RunMount? Parse(string text, Func<string, string>? expand, SourceRange range)
    {
        var fields = new Dictionary<string, string?>(StringComparer.Ordinal);
        bool isOpen = false;
        foreach (string field in CsvFields.Split(text, range))
        {
            (string key, string? value) = SplitField(field, range);
            if (value is not null && value.Contains('$', StringComparison.Ordinal))
            {
                if (key == "from" && value.IndexOf('$', StringComparison.Ordinal) < value.Length - 1)
                {
                    throw Wrong("'from' doesn't support variable expansion, define alias stage instead", range);
                }

                isOpen |= expand is null;
            }

            if (!fields.TryAdd(key, value is null || expand is null || key == "from" ? value : expand(value)))
            {
                throw Wrong($"duplicate key '{key}' in '{text}'", range);
            }
        }

        return isOpen ? null : new RunMountFields(fields, range).ToMount();
    }

    /// <summary>The stage, image or context that a mount names, which has no variables; null for none. The other fields are not looked at.</summary>
    /// <exception cref="DockerfileException">The fields cannot be told apart.</exception>
    public static string? FromOf(string text, SourceRange range) =>
        CsvFields.Split(text, range).Select(field => field.Split('=', 2)).FirstOrDefault(static field => field.Length == 2 && field[0].Equals("from", StringComparison.OrdinalIgnoreCase))?[1];

    internal static DockerfileException Wrong(string reason, SourceRange range) => new(DockerfileErrorKind.Instruction, reason, range);

    private static (string Key, string? Value) SplitField(string field, SourceRange range)
    {
        int equals = field.IndexOf('=', StringComparison.Ordinal);
        string written = (equals < 0 ? field : field[..equals]).ToLowerInvariant();
        string? value = equals < 0 ? null : field[(equals + 1)..];
        if (value is null && written is not ("readonly" or "ro" or "readwrite" or "rw" or "required"))
        {
            throw Wrong($"invalid field '{field}' must be a key=value pair", range);
        }

        if (!Options.Contains(written, StringComparer.Ordinal))
        {
            string meant = Suggestion.For(written, Options) is { } name ? $" (did you mean {name}?)" : "";
            throw Wrong(string.Create(CultureInfo.InvariantCulture, $"unexpected key '{written}' in '{field}'{meant}"), range);
        }

        string key = written switch
        {
            "src" => "source",
            "dst" or "destination" => "target",
            "ro" => "readonly",
            "rw" => "readwrite",
            _ => written,
        };
        return (key, value);
    }
}
