namespace Berth.Dockerfile.Linting;

/// <summary>What a check found.</summary>
/// <param name="Rule">The rule's name, one of <see cref="LintRules"/>.</param>
/// <param name="Message">What is wrong, in docker's words.</param>
/// <param name="Range">The lines.</param>
public sealed record LintWarning(string Rule, string Message, SourceRange Range)
{
    /// <summary>The page that explains the rule.</summary>
    public string Url => "https://docs.docker.com/go/dockerfile/rule/" + LintRules.PageOf(Rule) + "/";

    /// <summary>The warning on one line.</summary>
    public override string ToString() => $"{Rule}: {Message} (line {Range.First})";
}

/// <summary>The names of the rules.</summary>
public static class LintRules
{
    public const string StageNameCasing = "StageNameCasing";
    public const string FromAsCasing = "FromAsCasing";
    public const string NoEmptyContinuation = "NoEmptyContinuation";
    public const string ConsistentInstructionCasing = "ConsistentInstructionCasing";
    public const string DuplicateStageName = "DuplicateStageName";
    public const string ReservedStageName = "ReservedStageName";
    public const string JsonArgsRecommended = "JSONArgsRecommended";
    public const string MaintainerDeprecated = "MaintainerDeprecated";
    public const string UndefinedArgInFrom = "UndefinedArgInFrom";
    public const string UndefinedVar = "UndefinedVar";
    public const string WorkdirRelativePath = "WorkdirRelativePath";
    public const string MultipleInstructionsDisallowed = "MultipleInstructionsDisallowed";
    public const string LegacyKeyValueFormat = "LegacyKeyValueFormat";
    public const string RedundantTargetPlatform = "RedundantTargetPlatform";
    public const string SecretsUsedInArgOrEnv = "SecretsUsedInArgOrEnv";
    public const string InvalidDefaultArgInFrom = "InvalidDefaultArgInFrom";
    public const string FromPlatformFlagConstDisallowed = "FromPlatformFlagConstDisallowed";
    public const string CopyIgnoredFile = "CopyIgnoredFile";
    public const string InvalidDefinitionDescription = "InvalidDefinitionDescription";
    public const string ExposeProtoCasing = "ExposeProtoCasing";
    public const string ExposeInvalidFormat = "ExposeInvalidFormat";

    /// <summary>Whether a rule is off unless the file's <c>experimental</c> names it.</summary>
    public static bool IsExperimental(string rule) => rule is CopyIgnoredFile or InvalidDefinitionDescription;

    internal static string PageOf(string rule) => rule == JsonArgsRecommended
        ? "json-args-recommended"
        : string.Concat(rule.Select(static (c, i) => char.IsAsciiLetterUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
}
