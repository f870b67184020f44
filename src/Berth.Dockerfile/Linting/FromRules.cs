using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;
using Berth.Model;

namespace Berth.Dockerfile.Linting;

/// <summary>The rules about FROM.</summary>
internal sealed class FromRules(ParsedDockerfile file, LintContext context, Action<string, SourceRange, string> report)
{
    public void Check()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (Stage stage in file.Stages)
        {
            CheckCasing(stage);
            InstructionRules.CheckDescription(stage.Node, "FROM", stage.Name is null ? [] : [stage.Name], report);
            if (stage.Name is "scratch" or "context")
            {
                report(LintRules.ReservedStageName, stage.Range, $"Stage name should not use the same name as reserved stage \"{stage.Name}\"");
            }

            if (stage.Name is not null && !names.Add(stage.Name))
            {
                report(LintRules.DuplicateStageName, stage.Range, $"Duplicate stage name \"{stage.Name}\", stage names should be unique");
            }
        }

        try
        {
            CheckVariables(new GlobalScope(file, context.Inputs));
            CheckDefaults(new GlobalScope(file, context.Inputs with { Arguments = new Dictionary<string, string>(StringComparer.Ordinal) }));
        }
        catch (DockerfileException)
        {
            // the build fails with the same error, and says so
        }
    }

    private void CheckCasing(Stage stage)
    {
        InstructionNode node = stage.Node;
        if (node.Words is not [_, var keyword, var name])
        {
            return;
        }

        if (!DockerfileLinter.IsLower(name))
        {
            report(LintRules.StageNameCasing, stage.Range, $"Stage name '{name}' should be lowercase");
        }

        bool isLower = DockerfileLinter.IsLower(node.Keyword) && !DockerfileLinter.IsLower(keyword);
        bool isUpper = DockerfileLinter.IsUpper(node.Keyword) && !DockerfileLinter.IsUpper(keyword);
        if (isLower || isUpper)
        {
            report(LintRules.FromAsCasing, stage.Range, $"'{keyword}' and '{node.Keyword}' keywords' casing do not match");
        }
    }

    private void CheckVariables(GlobalScope global)
    {
        foreach (Stage stage in file.Stages)
        {
            ReportUndefined(global, stage, global.Expand(stage.BaseName, stage.Range));
            if (stage.Platform is not null)
            {
                ExpandedWord platform = global.Expand(stage.Platform, stage.Range);
                ReportUndefined(global, stage, platform);
                CheckPlatform(global, stage, stage.Platform, platform);
            }
        }
    }

    private void CheckPlatform(GlobalScope global, Stage stage, string written, ExpandedWord platform)
    {
        if (platform.Used.Count == 1 && platform.Undefined.Count == 0 && platform.Used.Contains("TARGETPLATFORM") && platform.Text == global.Values["TARGETPLATFORM"])
        {
            report(LintRules.RedundantTargetPlatform, stage.Range, $"Setting platform to predefined {written} in FROM is redundant as this is the default behavior");
        }

        string[] parts = platform.Text.ToLowerInvariant().Split('/');
        bool isConstant = platform.Used.Count == 0 && platform.Undefined.Count == 0 && parts.Length <= 3 && parts.All(static part => part.Length > 0);
        if (isConstant && stage.Name?.Contains(parts[0], StringComparison.Ordinal) != true && (parts.Length < 2 || stage.Name?.Contains(parts[1], StringComparison.Ordinal) != true))
        {
            report(LintRules.FromPlatformFlagConstDisallowed, stage.Range, $"FROM --platform flag should not use constant value {QuotedText.Of(platform.Text)}");
        }
    }

    private void ReportUndefined(GlobalScope global, Stage stage, ExpandedWord word)
    {
        foreach (string name in word.Undefined.Where(name => !global.Declared.Contains(name)))
        {
            string meant = Suggestion.For(name, global.Declared) is { } known ? $" (did you mean {known}?)" : "";
            report(LintRules.UndefinedArgInFrom, stage.Range, $"FROM argument '{name}' is not declared{meant}");
        }
    }

    private void CheckDefaults(GlobalScope defaults)
    {
        foreach (Stage stage in file.Stages.Where(static stage => stage.BaseName.Contains('$', StringComparison.Ordinal)))
        {
            if (!ImageReference.TryParse(defaults.Expand(stage.BaseName, stage.Range).Text, out _, out _))
            {
                report(LintRules.InvalidDefaultArgInFrom, stage.Range, $"Default value for ARG {stage.BaseName} results in empty or invalid base image name");
            }
        }
    }
}
