namespace Berth.Dockerfile;

/// <summary>What a Dockerfile may use up. Every limit has an error of its own; the defaults are far beyond what people write.</summary>
public sealed record DockerfileLimits
{
    /// <summary>The limits that builds have.</summary>
    public static DockerfileLimits Default { get; } = new();

    /// <summary>Bytes of the file.</summary>
    public int MaxFileBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Bytes of one line, which is docker's limit too.</summary>
    public int MaxLineBytes { get; init; } = 65535;

    /// <summary>Instructions in the file.</summary>
    public int MaxInstructions { get; init; } = 10_000;

    /// <summary>Here-documents in the file.</summary>
    public int MaxHeredocs { get; init; } = 1000;

    /// <summary>Characters that one word may expand to: the kernel takes no longer argument (MAX_ARG_STRLEN).</summary>
    public int MaxWordLength { get; init; } = 128 * 1024;

    /// <summary>Characters of all variables that are set at one place.</summary>
    public int MaxVariableLength { get; init; } = 2 * 1024 * 1024;

    /// <summary>Variables that are set at one place.</summary>
    public int MaxVariables { get; init; } = 10_000;

    /// <summary>Characters that here-documents may expand to.</summary>
    public int MaxHeredocLength { get; init; } = 4 * 1024 * 1024;

    /// <summary>How deep <c>${a:-${b:-...}}</c> may go.</summary>
    public int MaxNesting { get; init; } = 50;

    /// <summary>Characters that all expansions of a build may read and write, patterns counted once for each character they are compared with.</summary>
    public long MaxExpansionWork { get; init; } = 64 * 1024 * 1024;

    /// <summary>Ports that one EXPOSE may name: all of three protocols.</summary>
    public int MaxPorts { get; init; } = 3 * 65536;
}
