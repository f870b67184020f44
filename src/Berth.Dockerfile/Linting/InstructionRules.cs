using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;
using Berth.Dockerfile.Ignore;

namespace Berth.Dockerfile.Linting;

/// <summary>The rules about the instructions of one stage.</summary>
internal sealed class InstructionRules(StageState state, LintContext context, Action<string, SourceRange, string> report)
{
    private static readonly string[] Secret = ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
    private static readonly string[] Harmless = ["public", "file", "version"];
    private static readonly string[] BuilderArguments = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

    public void Check(Stage stage)
    {
        var once = new Dictionary<Type, Instruction>();
        foreach (Instruction instruction in stage.Instructions)
        {
            if (instruction is CmdInstruction or EntrypointInstruction or HealthcheckInstruction)
            {
                CheckOnce(once, instruction);
            }

            CheckWritten(instruction);
            CheckExpanded(instruction);
        }
    }

    /// <summary>The rules about ARG, which are the same before the first FROM.</summary>
    public static void CheckArg(ArgInstruction arg, Action<string, SourceRange, string> report)
    {
        CheckDescription(arg.Node, "ARG", [.. arg.Args.Select(static one => one.Name)], report);
        foreach (ArgDefinition definition in arg.Args)
        {
            CheckSecret("ARG", definition.Name, arg.Range, report);
        }
    }

    /// <summary>Whether the comment above describes what is defined.</summary>
    public static void CheckDescription(InstructionNode node, string instruction, IReadOnlyList<string> names, Action<string, SourceRange, string> report)
    {
        if (names.Count > 0 && node.Comments.Count > 0 && !names.Contains(node.Comments[^1].Split(' ')[0], StringComparer.Ordinal))
        {
            report(LintRules.InvalidDefinitionDescription, node.Range,
                $"Comment for {instruction} should follow the format: `# {(names.Count > 1 ? "<arg_key>" : names[0])} <description>`");
        }
    }

    private static void CheckSecret(string instruction, string name, SourceRange range, Action<string, SourceRange, string> report)
    {
        string parts = $"_{name.ToLowerInvariant()}_";
        if (Secret.Any(word => parts.Contains($"_{word}_", StringComparison.Ordinal)) && !Harmless.Any(word => parts.Contains($"_{word}_", StringComparison.Ordinal)))
        {
            report(LintRules.SecretsUsedInArgOrEnv, range, $"Do not use ARG or ENV instructions for sensitive data ({instruction} {QuotedText.Of(name)})");
        }
    }

    // The one before is reported, as it is the one without effect.
    private void CheckOnce(Dictionary<Type, Instruction> once, Instruction instruction)
    {
        if (once.TryGetValue(instruction.GetType(), out Instruction? before))
        {
            report(LintRules.MultipleInstructionsDisallowed, before.Range,
                $"Multiple {instruction.Keyword} instructions should not be used in the same stage because only the last one will be used");
        }

        once[instruction.GetType()] = instruction;
    }

    private void CheckWritten(Instruction instruction)
    {
        switch (instruction)
        {
            case ArgInstruction arg:
                CheckArg(arg, report);
                break;
            case EnvInstruction env:
                CheckPairs(env, env.Variables);
                env.Variables.ToList().ForEach(variable => CheckSecret("ENV", variable.Name, env.Range, report));
                break;
            case LabelInstruction label:
                CheckPairs(label, label.Labels);
                break;
            case MaintainerInstruction:
                report(LintRules.MaintainerDeprecated, instruction.Range, "Maintainer instruction is deprecated in favor of using label");
                break;
            case ShellInstruction:
                state.HasShell = true;
                break;
            case CmdInstruction { Command: { IsShell: true, Words.Count: > 0 } } or EntrypointInstruction { Command: { IsShell: true, Words.Count: > 0 } } when !state.HasShell:
                report(LintRules.JsonArgsRecommended, instruction.Range,
                    $"JSON arguments recommended for {instruction.Keyword} to prevent unintended behavior related to OS signals");
                break;
        }
    }

    private void CheckPairs(Instruction instruction, IReadOnlyList<KeyValue> pairs)
    {
        if (pairs.Any(static pair => pair.IsLegacy))
        {
            report(LintRules.LegacyKeyValueFormat, instruction.Range,
                $"\"{instruction.Keyword} key=value\" should be used instead of legacy \"{instruction.Keyword} key value\" format");
        }
    }

    private void CheckExpanded(Instruction instruction)
    {
        Instruction expanded;
        try
        {
            expanded = state.Scope.Expand(instruction, out IReadOnlySet<string> undefined);
            ReportUndefined(instruction, undefined);
            state.Scope.Apply(expanded);
        }
        catch (DockerfileException)
        {
            return; // the build fails with the same error, and says so
        }

        switch (expanded)
        {
            case WorkdirInstruction workdir:
                if (!state.HasWorkdir && !workdir.Path.StartsWith('/'))
                {
                    report(LintRules.WorkdirRelativePath, workdir.Range, $"Relative workdir {QuotedText.Of(workdir.Path)} can have unexpected results if the base image changes");
                }

                state.HasWorkdir = true;
                break;
            case ExposeInstruction expose:
                CheckPorts(expose);
                break;
            case CopyInstruction { From: null } copy:
                CheckIgnored(copy, "Copy");
                break;
            case AddInstruction add:
                CheckIgnored(add, "Add");
                break;
        }
    }

    private void ReportUndefined(Instruction instruction, IReadOnlySet<string> undefined)
    {
        if (!state.IsEnvironmentKnown)
        {
            return;
        }

        foreach (string name in undefined.Where(name => !state.Scope.Declared.Contains(name) && !BuilderArguments.Contains(name, StringComparer.Ordinal)))
        {
            string meant = Suggestion.For(name, state.Scope.RunEnvironment.Keys) is { } known ? $" (did you mean ${known}?)" : "";
            report(LintRules.UndefinedVar, instruction.Range, $"Usage of undefined variable '${name}'{meant}");
        }
    }

    private void CheckPorts(ExposeInstruction expose)
    {
        foreach (string spec in expose.Specs)
        {
            if (spec.Contains(':', StringComparison.Ordinal))
            {
                report(LintRules.ExposeInvalidFormat, expose.Range, $"EXPOSE instruction should not define an IP address or host-port mapping, found '{spec}'");
            }

            if (!DockerfileLinter.IsLower(spec))
            {
                report(LintRules.ExposeProtoCasing, expose.Range, $"Defined protocol '{spec}' in EXPOSE instruction should be lowercase");
            }
        }
    }

    // With exceptions among the patterns a left out folder may hold files that are not.
    private void CheckIgnored(TransferInstruction transfer, string verb)
    {
        if (context.Ignored is not { HasExceptions: false } ignored)
        {
            return;
        }

        foreach (string source in transfer.Sources.Where(static source => !source.Contains("://", StringComparison.Ordinal)))
        {
            string path = IgnoreFile.Relative(source).TrimStart('/');
            if (path.Length > 0 && ignored.IsIgnored(path))
            {
                report(LintRules.CopyIgnoredFile, transfer.Range, $"Attempting to {verb} file {QuotedText.Of(path)} that is excluded by .dockerignore");
            }
        }
    }
}
