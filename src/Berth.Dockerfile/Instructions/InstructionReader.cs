using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>Reads instructions from what the grammar has split, and puts them into stages.</summary>
public static class InstructionReader
{
    private static readonly string[] Names =
    [
        "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL",
        "USER", "VOLUME", "WORKDIR",
    ];

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="DockerfileException">Every way in which it can be wrong without variables.</exception>
    public static ParsedDockerfile Read(ReadOnlySpan<byte> bytes, string name = "Dockerfile", DockerfileLimits? limits = null) =>
        Read(DockerfileParser.Parse(DockerfileSource.Read(bytes, name, limits), limits));

    /// <summary>Reads the instructions of a file that has been split.</summary>
    /// <exception cref="DockerfileException">The first instruction that is wrong.</exception>
    public static ParsedDockerfile Read(DockerfileSyntax syntax)
    {
        var globalArgs = new List<ArgInstruction>();
        var stages = new List<Stage>();
        var instructions = new List<Instruction>();
        foreach (InstructionNode node in syntax.Nodes)
        {
            if (node.Keyword.Equals("FROM", StringComparison.OrdinalIgnoreCase))
            {
                Close(stages, instructions);
                stages.Add(ReadStage(node, stages.Count));
                continue;
            }

            Instruction instruction = ReadOne(node);
            if (stages.Count > 0)
            {
                instructions.Add(instruction);
            }
            else
            {
                globalArgs.Add(instruction as ArgInstruction
                    ?? throw new DockerfileException(DockerfileErrorKind.Structure, "no build stage in current context", node.Range));
            }
        }

        Close(stages, instructions);
        return stages.Count == 0
            ? throw new DockerfileException(DockerfileErrorKind.Structure, "dockerfile contains no stages to build")
            : new ParsedDockerfile(syntax, globalArgs, stages);
    }

    /// <summary>Reads a trigger of an image's configuration, which <see cref="OnbuildInstruction.Trigger"/> has put there.</summary>
    /// <exception cref="DockerfileException">It is no instruction, or none that may be a trigger.</exception>
    public static Instruction ReadTrigger(string text)
    {
        DockerfileSyntax syntax = DockerfileParser.Parse(DockerfileSource.Read(System.Text.Encoding.UTF8.GetBytes(text), "ONBUILD"));
        InstructionNode node = syntax.Nodes[0];
        if (syntax.Nodes.Count > 1)
        {
            throw new DockerfileException(DockerfileErrorKind.Structure, "an ONBUILD trigger has to be one instruction", syntax.Nodes[1].Range);
        }

        CheckTrigger(node, node.Keyword);
        return ReadOne(node);
    }

    private static void Close(List<Stage> stages, List<Instruction> instructions)
    {
        if (stages.Count > 0)
        {
            stages[^1] = stages[^1] with { Instructions = [.. instructions] };
            instructions.Clear();
        }
    }

    private static Stage ReadStage(InstructionNode node, int index)
    {
        string? name = null;
        if (node.Words is [_, var keyword, var written] && keyword.Equals("as", StringComparison.OrdinalIgnoreCase))
        {
            name = written.ToLowerInvariant();
            if (!char.IsAsciiLetterLower(name[0]) || !name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_' or '.'))
            {
                throw FlagReader.Wrong(node, $"invalid name for build stage: {QuotedText.Of(written)}, name can't start with a number or contain symbols");
            }
        }
        else if (node.Words.Count != 1)
        {
            throw FlagReader.Wrong(node, "FROM requires either one or three arguments");
        }

        var flags = new FlagReader(node, texts: ["platform"]);
        return new Stage { Index = index, Node = node, BaseName = node.Words[0], Name = name, Platform = flags.GetText("platform") };
    }

    private static Instruction ReadOne(InstructionNode node) => node.Keyword.ToUpperInvariant() switch
    {
        "ADD" => TransferReader.ReadAdd(node),
        "ARG" => ReadArg(node),
        "CMD" => new CmdInstruction(WithoutFlags(node), Command(node)),
        "COPY" => TransferReader.ReadCopy(node),
        "ENTRYPOINT" => new EntrypointInstruction(WithoutFlags(node), Command(node)),
        "ENV" => new EnvInstruction(WithoutFlags(node), Pairs(node)),
        "EXPOSE" => new ExposeInstruction(WithoutFlags(AtLeastOne(node)), [.. node.Words.Order(StringComparer.Ordinal)]),
        "HEALTHCHECK" => HealthcheckReader.Read(AtLeastOne(node)),
        "LABEL" => new LabelInstruction(WithoutFlags(node), Pairs(node)),
        "MAINTAINER" => new MaintainerInstruction(WithoutFlags(ExactlyOne(node)), node.Words[0]),
        "ONBUILD" => ReadOnbuild(node),
        "RUN" => RunReader.Read(node),
        "SHELL" => ReadShell(WithoutFlags(node)),
        "STOPSIGNAL" => new StopSignalInstruction(WithoutFlags(ExactlyOne(node)), node.Words[0]),
        "USER" => new UserInstruction(WithoutFlags(ExactlyOne(node)), node.Words[0]),
        "VOLUME" => ReadVolume(node),
        "WORKDIR" => new WorkdirInstruction(WithoutFlags(ExactlyOne(node)), node.Words[0]),
        var unknown => throw FlagReader.Wrong(node, $"unknown instruction: {unknown}" + (Suggestion.For(unknown, Names) is { } meant ? $" (did you mean {meant}?)" : "")),
    };

    private static string Name(InstructionNode node) => node.Keyword.ToUpperInvariant();

    /// <summary>The command of RUN, CMD or ENTRYPOINT.</summary>
    internal static CommandLine Command(InstructionNode node) => new(node.Words, !node.IsJson, node.Heredocs);

    private static InstructionNode AtLeastOne(InstructionNode node) =>
        node.Words.Count > 0 ? node : throw FlagReader.Wrong(node, $"{Name(node)} requires at least one argument");

    private static InstructionNode ExactlyOne(InstructionNode node) =>
        node.Words.Count == 1 ? node : throw FlagReader.Wrong(node, $"{Name(node)} requires exactly one argument");

    private static InstructionNode WithoutFlags(InstructionNode node)
    {
        _ = new FlagReader(node);
        return node;
    }

    private static IReadOnlyList<KeyValue> Pairs(InstructionNode node)
    {
        if (node.Pairs.Count == 0)
        {
            throw FlagReader.Wrong(node, $"{Name(node)} requires at least one argument");
        }

        return node.Pairs.All(static pair => pair.Name.Length > 0) ? node.Pairs : throw FlagReader.Wrong(node, $"{Name(node)} names can not be blank");
    }

    private static ArgInstruction ReadArg(InstructionNode node)
    {
        WithoutFlags(AtLeastOne(node));
        var args = new List<ArgDefinition>();
        foreach (string word in node.Words)
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            args.Add(equals switch
            {
                0 => throw FlagReader.Wrong(node, "ARG names can not be blank"),
                < 0 => new ArgDefinition(word, null),
                _ => new ArgDefinition(word[..equals], word[(equals + 1)..]),
            });
        }

        return new ArgInstruction(node, args);
    }

    private static ShellInstruction ReadShell(InstructionNode node)
    {
        AtLeastOne(node);
        return node.IsJson ? new ShellInstruction(node, node.Words) : throw FlagReader.Wrong(node, "SHELL requires the arguments to be in JSON form");
    }

    private static VolumeInstruction ReadVolume(InstructionNode node)
    {
        WithoutFlags(AtLeastOne(node));
        string[] paths = [.. node.Words.Select(static word => word.Trim())];
        return paths.All(static path => path.Length > 0)
            ? new VolumeInstruction(node, paths)
            : throw FlagReader.Wrong(node, "VOLUME specified can not be an empty string");
    }

    private static OnbuildInstruction ReadOnbuild(InstructionNode node)
    {
        WithoutFlags(AtLeastOne(node));
        CheckTrigger(node, node.Words[0]);
        string trigger = WordSplitter.Cut(node.Original.Trim()).Tail ?? "";
        foreach (Heredoc heredoc in node.Heredocs)
        {
            trigger += "\n" + heredoc.Content + heredoc.Name;
        }

        return new OnbuildInstruction(node, trigger);
    }

    private static void CheckTrigger(InstructionNode node, string keyword)
    {
        switch (keyword.ToUpperInvariant())
        {
            case "ONBUILD":
                throw FlagReader.Wrong(node, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
            case "FROM" or "MAINTAINER":
                throw FlagReader.Wrong(node, $"{keyword.ToUpperInvariant()} isn't allowed as an ONBUILD trigger");
        }
    }
}
