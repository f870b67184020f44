using Berth.Model;
using Berth.Storage.Builds;

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

    /// <summary>Variables whose values are nobody else's business: in no file, key or record.</summary>
    public IReadOnlyList<HiddenVariable> Hidden { get; init; } = [];

    /// <summary>Folders that are volumes: what a step does in them is gone with it, as in docker.</summary>
    public IReadOnlyList<string> Volumes { get; init; } = [];

    /// <summary>Mounts while it runs.</summary>
    public IReadOnlyList<StepMount> Mounts { get; init; } = [];
}

/// <summary>A variable with a secret.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Key">What tells the secret from others; never its content.</param>
/// <param name="Read">Its value when the step runs; null: the process does not get the variable. Throws EngineException where the step cannot do without.</param>
public sealed record HiddenVariable(string Name, string Key, Func<ReadOnlyMemory<byte>?> Read);

/// <summary>A mount of a step, to be made ready if the step runs.</summary>
public sealed record StepMount
{
    /// <summary>Absolute, in the container.</summary>
    public required string Target { get; init; }

    /// <summary>All that decides about the step's result, besides the target.</summary>
    public required string Key { get; init; }

    /// <summary>Mounts that others may have to wait for are opened in the order of these; empty for others.</summary>
    public string Turn { get; init; } = "";

    /// <summary>Makes it ready for the step that the first argument stands for; null where there is nothing to mount. Throws EngineException.</summary>
    public required Func<ContainerId, CancellationToken, Task<PreparedMount?>> Open { get; init; }
}

/// <summary>What is open while a step runs.</summary>
/// <param name="Mounts">In the step's order, their destinations filled in.</param>
/// <param name="Hidden">Variables in no file, <c>NAME=value</c>.</param>
public sealed record StepInputs(IReadOnlyList<Mount> Mounts, IReadOnlyList<ReadOnlyMemory<byte>> Hidden);

/// <summary>Runs steps, without a record of them.</summary>
public interface IStepRunner
{
    /// <summary>Runs a process on <paramref name="chainIds"/> and waits for its end and its output. Its changes are in the writable layer <paramref name="key"/> then, until <see cref="Remove"/>.</summary>
    /// <param name="key">New.</param>
    /// <param name="step">What to run.</param>
    /// <param name="inputs">What is there for it.</param>
    /// <param name="chainIds">Layers, lowest first.</param>
    /// <param name="output">Gets the output; true for the standard error. Calls do not overlap; the bytes are the callee's only until it returns.</param>
    /// <param name="cancellationToken">Kills the process; nothing of it runs any more when this returns.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="EngineException">It could not be started.</exception>
    Task<int> RunAsync(ContainerId key, RunStep step, StepInputs inputs, IReadOnlyList<Digest> chainIds, Action<ReadOnlyMemory<byte>, bool> output, CancellationToken cancellationToken);

    /// <summary>Deletes what <see cref="RunAsync"/> left.</summary>
    void Remove(ContainerId key);
}
