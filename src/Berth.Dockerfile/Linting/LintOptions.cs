namespace Berth.Dockerfile.Linting;

/// <summary>Which rules are checked: the check directive, or the build argument BUILDKIT_DOCKERFILE_CHECK in its place.</summary>
public sealed record LintOptions
{
    /// <summary>Rules that are left out.</summary>
    public IReadOnlyList<string> Skipped { get; init; } = [];

    /// <summary>Whether all are left out but those that <see cref="Experimental"/> names.</summary>
    public bool SkipsAll { get; init; }

    /// <summary>Experimental rules that are checked.</summary>
    public IReadOnlyList<string> Experimental { get; init; } = [];

    /// <summary>Whether all experimental rules are checked.</summary>
    public bool HasAllExperimental { get; init; }

    /// <summary>Whether a warning fails the build.</summary>
    public bool IsError { get; init; }

    /// <summary>Reads <c>skip=Rule,Rule;error=true;experimental=Rule</c>; null and nothing stand for the defaults.</summary>
    /// <exception cref="DockerfileException">An option that is none.</exception>
    public static LintOptions Parse(string? text, SourceRange range = default)
    {
        var options = new LintOptions();
        foreach (string part in (text ?? "").Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string value = equals < 0 ? "" : part[(equals + 1)..].Trim();
            string[] rules = value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            options = (equals < 0 ? part : part[..equals].Trim()) switch
            {
                "skip" when equals >= 0 => options with { SkipsAll = value == "all", Skipped = rules },
                "experimental" when equals >= 0 => options with { HasAllExperimental = value == "all", Experimental = rules },
                "error" when equals >= 0 => options with { IsError = ParseFlag(value, part, range) },
                var name => throw Wrong($"invalid check option {QuotedText.Of(name)}", range),
            };
        }

        return options;
    }

    internal bool Has(string rule)
    {
        bool isNamed = HasAllExperimental || Experimental.Contains(rule, StringComparer.Ordinal);
        return LintRules.IsExperimental(rule) ? isNamed && !Skipped.Contains(rule, StringComparer.Ordinal) : !SkipsAll && !Skipped.Contains(rule, StringComparer.Ordinal);
    }

    private static bool ParseFlag(string value, string part, SourceRange range) => value.ToLowerInvariant() switch
    {
        "1" or "t" or "true" => true,
        "0" or "f" or "false" => false,
        _ => throw Wrong($"failed to parse check option {QuotedText.Of(part)}", range),
    };

    private static DockerfileException Wrong(string reason, SourceRange range) => new(DockerfileErrorKind.Check, reason, range);
}
