using Berth.Dockerfile.Instructions;
using Berth.Model;

namespace Berth.Dockerfile.Expansion;

/// <summary>What a build is asked for, as far as variables go.</summary>
public sealed record BuildInputs
{
    /// <summary>The values of <c>--build-arg</c>.</summary>
    public IReadOnlyDictionary<string, string> Arguments { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>The platform that the image is for.</summary>
    public Platform Target { get; init; } = Platform.Host;

    /// <summary>The platform that the build runs on.</summary>
    public Platform Build { get; init; } = Platform.Host;

    /// <summary>The stage that is built, as asked for; empty for the last one.</summary>
    public string TargetStage { get; init; } = "";
}

/// <summary>What FROM names, with variables in.</summary>
public sealed record FromTarget(string BaseName, string? Platform);

/// <summary>The variables before the first FROM: those of the platform, and the ARGs there. Stages see an ARG of these only when they declare it too.</summary>
public sealed class GlobalScope
{
    /// <summary>Arguments that need no ARG: RUN gets them, nothing else sees them, and no image keeps them.</summary>
    public static IReadOnlyList<string> ProxyNames { get; } =
        [.. from name in (string[])["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"] from written in (string[])[name, name.ToLowerInvariant()] select written];

    private readonly VariableSet _values;
    private readonly HashSet<string> _declared = new(StringComparer.Ordinal);

    /// <summary>Sets the platform's variables and evaluates the file's global ARGs, each with those before it.</summary>
    /// <exception cref="DockerfileException">A default cannot be expanded.</exception>
    public GlobalScope(ParsedDockerfile file, BuildInputs inputs, ExpansionBudget? budget = null)
    {
        File = file;
        Inputs = inputs;
        Budget = budget ?? new ExpansionBudget();
        _values = new VariableSet(Budget.Limits, []);
        foreach ((string name, string value) in PlatformArguments(inputs))
        {
            _values.Set(name, inputs.Arguments.GetValueOrDefault(name, value), default);
            _declared.Add(name);
        }

        foreach (ArgInstruction instruction in file.GlobalArgs)
        {
            foreach (ArgDefinition arg in instruction.Args)
            {
                Declare(arg, instruction.Range);
            }
        }
    }

    /// <summary>The file.</summary>
    public ParsedDockerfile File { get; }

    /// <summary>What the build was asked for.</summary>
    public BuildInputs Inputs { get; }

    /// <summary>The values that FROM sees.</summary>
    public IReadOnlyDictionary<string, string> Values => _values.Values;

    /// <summary>The names that FROM may use, with or without a value.</summary>
    public IReadOnlySet<string> Declared => _declared;

    internal ExpansionBudget Budget { get; }

    /// <summary>Puts the variables into a FROM.</summary>
    /// <exception cref="DockerfileException">Nothing is left of the name or the platform.</exception>
    public FromTarget ExpandFrom(Stage stage)
    {
        string baseName = Expand(stage.BaseName, stage.Range).Text;
        if (baseName.Length == 0)
        {
            throw new DockerfileException(DockerfileErrorKind.Expansion, $"base name ({stage.BaseName}) should not be blank", stage.Range);
        }

        if (stage.Platform is null)
        {
            return new FromTarget(baseName, null);
        }

        ExpandedWord platform = Expand(stage.Platform, stage.Range);
        if (platform.Text.Length == 0)
        {
            string meant = platform.Undefined.Select(name => Suggestion.For(name, _declared)).FirstOrDefault(static name => name is not null) is { } known
                ? $" (did you mean {known}?)"
                : "";
            throw new DockerfileException(DockerfileErrorKind.Expansion, $"empty platform value from expression {stage.Platform}{meant}", stage.Range);
        }

        return new FromTarget(baseName, platform.Text);
    }

    /// <summary>Arguments of the build that no ARG of the file declares; docker warns about them.</summary>
    public IReadOnlyList<string> FindUnused()
    {
        var known = new HashSet<string>(_declared.Concat(ProxyNames), StringComparer.Ordinal);
        known.UnionWith(File.Stages.SelectMany(static stage => stage.Instructions).OfType<ArgInstruction>().SelectMany(static arg => arg.Args).Select(static arg => arg.Name));
        return [.. Inputs.Arguments.Keys.Where(name => !known.Contains(name)).Order(StringComparer.Ordinal)];
    }

    internal ExpandedWord Expand(string word, SourceRange range) => new WordExpander(File.Syntax.Escape, _values.Get, Budget).Expand(word, range);

    private static IEnumerable<(string Name, string Value)> PlatformArguments(BuildInputs inputs) =>
    [
        ("TARGETPLATFORM", inputs.Target.ToString()), ("TARGETOS", inputs.Target.Os), ("TARGETARCH", inputs.Target.Architecture), ("TARGETVARIANT", inputs.Target.Variant ?? ""),
        ("BUILDPLATFORM", inputs.Build.ToString()), ("BUILDOS", inputs.Build.Os), ("BUILDARCH", inputs.Build.Architecture), ("BUILDVARIANT", inputs.Build.Variant ?? ""),
        ("TARGETSTAGE", inputs.TargetStage.Length > 0 ? inputs.TargetStage : "default"),
    ];

    private void Declare(ArgDefinition arg, SourceRange range)
    {
        string name = Expand(arg.Name, range).Text;
        string? value = Inputs.Arguments.TryGetValue(name, out string? given) ? given : arg.Default is null ? null : Expand(arg.Default, range).Text;
        _declared.Add(name);
        if (value is not null)
        {
            _values.Set(name, value, range);
        }
    }
}
