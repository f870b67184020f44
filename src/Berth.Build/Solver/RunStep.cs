using Berth.Model;

namespace Berth.Build.Solver;

/// <summary>A process that a step runs.</summary>
public sealed record RunStep
{
    /// <summary>The program and its arguments.</summary>
    public required IReadOnlyList<string> Args { get; init; }

    /// <summary><c>NAME=value</c>, each name once.</summary>
    public required IReadOnlyList<string> Environment { get; init; }

    /// <summary>Variables that it gets besides, and that do not decide about its result.</summary>
    public IReadOnlyList<string> PassedThrough { get; init; } = [];

    /// <summary>Absolute; made where it is missing.</summary>
    public required string WorkingFolder { get; init; }

    /// <summary>Docker's <c>user[:group]</c>; empty for root.</summary>
    public string User { get; init; } = "";

    /// <summary>The network in docker's words (<c>none</c>, <c>host</c>); null for the build's.</summary>
    public string? Network { get; init; }

    /// <summary>Text for the process's standard input; null for none.</summary>
    public string? Script { get; init; }

    /// <summary>Folders that are volumes: what a step does in them is gone with it, as in docker.</summary>
    public IReadOnlyList<string> Volumes { get; init; } = [];

    /// <summary>Mounts while it runs.</summary>
    public IReadOnlyList<StepMount> Mounts { get; init; } = [];
}

/// <summary>A mount of a step, ready to be made.</summary>
public sealed record StepMount
{
    /// <summary>Absolute, in the container.</summary>
    public required string Target { get; init; }

    /// <summary>A folder or file of the host; null for memory.</summary>
    public string? Source { get; init; }

    /// <summary>Whether nothing can be written.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>Bytes that a mount of memory may take; null for no limit.</summary>
    public long? Size { get; init; }
}

/// <summary>Runs steps, without a record of them.</summary>
public interface IStepRunner
{
    /// <summary>Runs a process on <paramref name="chainIds"/> and waits for its end and its output. Its changes are in the writable layer <paramref name="key"/> then, until <see cref="Remove"/>.</summary>
    /// <param name="key">New.</param>
    /// <param name="step">What to run.</param>
    /// <param name="chainIds">Layers, lowest first.</param>
    /// <param name="output">Gets the output; true for the standard error. Calls do not overlap; the bytes are the callee's only until it returns.</param>
    /// <param name="cancellationToken">Kills the process; nothing of it runs any more when this returns.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="EngineException">It could not be started.</exception>
    Task<int> RunAsync(ContainerId key, RunStep step, IReadOnlyList<Digest> chainIds, Action<ReadOnlyMemory<byte>, bool> output, CancellationToken cancellationToken);

    /// <summary>Deletes what <see cref="RunAsync"/> left.</summary>
    void Remove(ContainerId key);
}
