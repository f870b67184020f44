using Berth.Engine.Containers.Health;
using Berth.Engine.Networks;
using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>The states of a container; <see cref="Lifecycle"/> has the transitions.</summary>
public enum ContainerStatus
{
    Created,
    Running,

    /// <summary>Its processes stand still. Never told by the journal, which may say so or not: the kernel knows.</summary>
    Paused,

    /// <summary>It ended, and another run follows by itself.</summary>
    Restarting,
    Exited,
}

/// <summary>How the present or last run went.</summary>
public sealed record ContainerState
{
    public ContainerStatus Status { get; init; }

    /// <summary>Host's id of the first process; 0 when not running.</summary>
    public int Pid { get; init; }
    public int ExitCode { get; init; }
    public bool OomKilled { get; init; }

    /// <summary>Why the last start failed, or what ended the run when that was not its process; empty otherwise.</summary>
    public string Error { get; init; } = "";

    /// <summary>Whether <see cref="Error"/> is of a start that failed.</summary>
    public bool HasStartFailed { get; init; }

    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>How many runs followed by themselves since a user started it.</summary>
    public int RestartCount { get; init; }

    /// <summary>Whether a user ended the last run; kept for containers with a restart policy.</summary>
    public bool WasStopped { get; init; }

    /// <summary>Whether clients call it running: running, paused or between two runs.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsAlive => Lifecycle.IsAlive(this);
}

/// <summary>Everything durable about one container, as it stands in the journal; immutable.</summary>
public sealed record ContainerRecord
{
    public required ContainerId Id { get; init; }
    public required string Name { get; init; }
    public required DateTimeOffset Created { get; init; }
    public required Digest ImageId { get; init; }

    /// <summary>The image's layers, lowest first.</summary>
    public required IReadOnlyList<Digest> ChainIds { get; init; }
    public required ContainerConfig Config { get; init; }
    public ContainerState State { get; init; } = new();

    /// <summary>The networks it is in, or would be; that of its mode first.</summary>
    public IReadOnlyList<ContainerEndpoint> Endpoints { get; init; } = [];

    /// <summary>As it is when nothing of a run is left.</summary>
    internal ContainerRecord WithoutRun() => this with { Endpoints = [.. Endpoints.Select(static endpoint => endpoint with { State = null })] };
}

/// <summary>A container as reported: its record and what only the running daemon knows.</summary>
/// <param name="Record">The durable part.</param>
/// <param name="ExecIds">Exec sessions that exist at this moment.</param>
/// <param name="Folder">The container's folder under the data root.</param>
/// <param name="LogPath">The present log file; empty without one.</param>
public sealed record ContainerInfo(ContainerRecord Record, IReadOnlyList<string> ExecIds, string Folder, string LogPath)
{
    /// <summary>What the health probe found; null for a container without one, or that was never started.</summary>
    public HealthReport? Health { get; init; }
}
