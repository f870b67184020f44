using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;
using Berth.Dockerfile.Ignore;

namespace Berth.Dockerfile.Linting;

/// <summary>What is known besides the file.</summary>
public sealed record LintContext
{
    /// <summary>What the build is asked for.</summary>
    public BuildInputs Inputs { get; init; } = new();

    /// <summary>The patterns of .dockerignore, if there is one.</summary>
    public IgnoreMatcher? Ignored { get; init; }

    /// <summary>The environment of a base image, by the name in FROM; null where it is not known: then variables that may come from it are not reported.</summary>
    public Func<string, IReadOnlyDictionary<string, string>?> BaseEnvironment { get; init; } =
        static name => name == "scratch" ? new Dictionary<string, string>(StringComparer.Ordinal) : null;
}

/// <summary>The checks of a file, by docker's rules. Nothing is built, and no image looked at.</summary>
public sealed class DockerfileLinter
{
    private const string Override = "BUILDKIT_DOCKERFILE_CHECK";
    private readonly ParsedDockerfile _file;
    private readonly LintContext _context;
    private readonly LintOptions _options;
    private readonly List<LintWarning> _warnings = [];

    private DockerfileLinter(ParsedDockerfile file, LintContext context, LintOptions options)
    {
        _file = file;
        _context = context;
        _options = options;
    }

    /// <summary>Checks a file; the answer is in order of the lines.</summary>
    /// <exception cref="DockerfileException">The check directive is wrong.</exception>
    public static IReadOnlyList<LintWarning> Check(ParsedDockerfile file, LintContext? context = null)
    {
        context ??= new LintContext();
        var linter = new DockerfileLinter(file, context, OptionsOf(file, context.Inputs));
        linter.CheckText();
        new FromRules(file, context, linter.Report).Check();
        linter.CheckStages();
        return [.. linter._warnings.OrderBy(static warning => warning.Range.First)];
    }

    /// <summary>The options of a file: those of the build's arguments, or those of its directive.</summary>
    /// <exception cref="DockerfileException">They are wrong.</exception>
    public static LintOptions OptionsOf(ParsedDockerfile file, BuildInputs inputs)
    {
        Directive? directive = file.Syntax.Directives.FirstOrDefault(static found => found.Name == "check");
        return inputs.Arguments.TryGetValue(Override, out string? given)
            ? LintOptions.Parse(given)
            : LintOptions.Parse(directive?.Value, directive is null ? default : new SourceRange(directive.Line, directive.Line));
    }

    /// <summary>Fails where there are warnings and the file has made them errors.</summary>
    /// <exception cref="DockerfileException">With the rules' names.</exception>
    public static void ThrowIfErrors(IReadOnlyList<LintWarning> warnings, LintOptions options)
    {
        if (options.IsError && warnings.Count > 0)
        {
            string rules = string.Join(", ", warnings.Select(static warning => warning.Rule).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
            throw new DockerfileException(DockerfileErrorKind.Check, $"lint violation found for rules: {rules}", warnings[0].Range);
        }
    }

    private void Report(string rule, SourceRange range, string message)
    {
        if (_options.Has(rule))
        {
            _warnings.Add(new LintWarning(rule, message, range));
        }
    }

    private void CheckText()
    {
        foreach (InstructionNode node in _file.Syntax.Nodes.Where(static node => node.EmptyContinuationLine > 0))
        {
            Report(LintRules.NoEmptyContinuation, new SourceRange(node.EmptyContinuationLine, node.EmptyContinuationLine), "Empty continuation line");
        }

        InstructionNode[] nodes = [.. _file.Stages.SelectMany(static stage => stage.Instructions.Select(static one => one.Node).Prepend(stage.Node))];
        bool isLower = nodes.Count(static node => IsLower(node.Keyword)) > nodes.Count(static node => IsUpper(node.Keyword));
        foreach (InstructionNode node in nodes.Where(node => isLower ? !IsLower(node.Keyword) : !IsUpper(node.Keyword)))
        {
            Report(LintRules.ConsistentInstructionCasing, node.Range,
                $"Command '{node.Keyword}' should match the case of the command majority ({(isLower ? "lowercase" : "uppercase")})");
        }

        foreach (ArgInstruction arg in _file.GlobalArgs)
        {
            InstructionRules.CheckArg(arg, Report);
        }
    }

    internal static bool IsLower(string text) => !text.Any(char.IsUpper);

    internal static bool IsUpper(string text) => !text.Any(char.IsLower);

    private void CheckStages()
    {
        GlobalScope global;
        try
        {
            global = new GlobalScope(_file, _context.Inputs);
        }
        catch (DockerfileException)
        {
            return; // the build fails with the same error, and says so
        }

        var states = new List<StageState>();
        foreach (Stage stage in _file.Stages)
        {
            Stage? parent = _file.FindStage(stage.BaseName, stage.Index);
            StageState state = parent is not null ? new StageState(states[parent.Index]) : StageState.FromImage(global, stage, _context);
            states.Add(state);
            new InstructionRules(state, _context, Report).Check(stage);
        }
    }
}
