using Berth.Dockerfile.Parsing;

namespace Berth.Dockerfile.Instructions;

/// <summary>The network that a RUN has.</summary>
public enum RunNetwork
{
    /// <summary>The build's.</summary>
    Default,

    /// <summary>Loopback alone.</summary>
    None,

    /// <summary>The host's.</summary>
    Host,
}

/// <summary><c>RUN</c></summary>
public sealed record RunInstruction(InstructionNode Node, CommandLine Command) : Instruction(Node)
{
    /// <summary>The values of <c>--mount</c> as written; <see cref="RunMount.Parse"/> reads them with the variables in. They have been checked as far as that goes without.</summary>
    public IReadOnlyList<string> MountTexts { get; init; } = [];

    /// <summary>The mounts; empty before <c>StageScope.Expand</c>.</summary>
    public IReadOnlyList<RunMount> Mounts { get; init; } = [];

    /// <summary>The network it has.</summary>
    public RunNetwork Network { get; init; }

    /// <summary>Whether it asks for all privileges (<c>--security=insecure</c>).</summary>
    public bool IsInsecure { get; init; }
}
