using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Expansion;

/// <summary>Which parts of which instruction have variables.</summary>
internal sealed class InstructionExpander(WordExpander expander, DockerfileLimits limits)
{
    private readonly HashSet<string> _undefined = new(StringComparer.Ordinal);
    private SourceRange _range;

    public Instruction Expand(Instruction instruction, out IReadOnlySet<string> undefined)
    {
        _range = instruction.Range;
        undefined = _undefined;
        return instruction switch
        {
            ArgInstruction arg => arg with { Args = [.. arg.Args.Select(definition => new ArgDefinition(Word(definition.Name), definition.Default is null ? null : Word(definition.Default)))] },
            EnvInstruction env => ExpandEnv(env),
            LabelInstruction label => label with { Labels = Pairs(label.Labels) },
            WorkdirInstruction workdir => workdir with { Path = NotEmpty(Word(workdir.Path), "cannot normalize nothing") },
            UserInstruction user => user with { User = Word(user.User) },
            StopSignalInstruction signal => signal with { Signal = NotEmpty(Word(signal.Signal), "Invalid signal: ") },
            VolumeInstruction volume => volume with { Paths = [.. volume.Paths.Select(path => NotEmpty(Word(path), "VOLUME specified can not be an empty string"))] },
            ExposeInstruction expose => ExpandExpose(expose),
            CopyInstruction copy => copy with
            {
                Sources = Words(copy.Sources),
                Files = Files(copy.Files),
                Destination = Word(copy.Destination),
                Chown = Optional(copy.Chown),
                Chmod = Optional(copy.Chmod),
                Excludes = Words(copy.Excludes),
            },
            AddInstruction add => add with
            {
                Sources = Words(add.Sources),
                Files = Files(add.Files),
                Destination = Word(add.Destination),
                Chown = Optional(add.Chown),
                Chmod = Optional(add.Chmod),
                Excludes = Words(add.Excludes),
                Checksum = Optional(add.Checksum),
            },
            RunInstruction { MountTexts.Count: > 0 } run => run with { Mounts = [.. run.MountTexts.Select(Mount)] },
            _ => instruction,
        };
    }

    private RunMount Mount(string text) =>
        RunMount.Parse(text, Word, _range) ?? throw new InvalidOperationException("a mount with all its variables in is complete");

    private EnvInstruction ExpandEnv(EnvInstruction env)
    {
        IReadOnlyList<KeyValue> variables = Pairs(env.Variables);
        return variables.FirstOrDefault(static pair => pair.Name.Length == 0 || pair.Name.Contains('=', StringComparison.Ordinal)) is { } wrong
            ? throw Wrong($"invalid environment variable: {wrong.Name}={wrong.Value}")
            : env with { Variables = variables };
    }

    private ExposeInstruction ExpandExpose(ExposeInstruction expose)
    {
        List<string> specs = [.. expose.Specs.SelectMany(spec => Collect(expander.Expand(spec, _range)).Words)];
        _ = ExposedPorts.Parse(specs, limits, _range);
        return expose with { Specs = specs };
    }

    private IReadOnlyList<KeyValue> Pairs(IReadOnlyList<KeyValue> pairs) =>
        [.. pairs.Select(pair => pair with { Name = Word(pair.Name), Value = Word(pair.Value) })];

    private IReadOnlyList<string> Words(IReadOnlyList<string> words) => [.. words.Select(Word)];

    private IReadOnlyList<InlineFile> Files(IReadOnlyList<InlineFile> files) =>
        [.. files.Select(file => file.IsExpanded ? file with { Content = expander.ExpandHeredoc(file.Content, _range) } : file)];

    private string? Optional(string? word) => word is null ? null : Word(word);

    private string Word(string word) => Collect(expander.Expand(word, _range)).Text;

    private ExpandedWord Collect(ExpandedWord expanded)
    {
        _undefined.UnionWith(expanded.Undefined);
        return expanded;
    }

    private string NotEmpty(string value, string reason) => value.Trim().Length > 0 ? value : throw Wrong(reason);

    private DockerfileException Wrong(string reason) => new(DockerfileErrorKind.Expansion, reason, _range);
}
