using Berth.Model;
using Berth.Runtime.Shims;

namespace Berth.Engine.Containers;

/// <summary>
/// The state machine of a container (docs/flows/container.md): what may be done in which state, with the words that clients know from docker's engine, and
/// what a state becomes. Pure; everything that changes a state goes through here, everything else asks here.
/// </summary>
internal static class Lifecycle
{
    /// <summary>What clients call running: it has a process, or will have one again shortly.</summary>
    public static bool IsAlive(ContainerState state) => state.Status is ContainerStatus.Running or ContainerStatus.Paused or ContainerStatus.Restarting;

    /// <summary>Whether there is a process.</summary>
    public static bool HasProcess(ContainerState state) => state.Status is ContainerStatus.Running or ContainerStatus.Paused;

    /// <exception cref="EngineException">NotModified when it is alive; Conflict when it is paused.</exception>
    public static void CheckStart(ContainerRecord record)
    {
        if (record.State.Status == ContainerStatus.Paused)
        {
            throw new EngineException(ErrorKind.Conflict, "cannot start a paused container, try unpause instead");
        }

        if (IsAlive(record.State))
        {
            throw new EngineException(ErrorKind.NotModified, "");
        }
    }

    /// <exception cref="EngineException">NotModified when it is not alive.</exception>
    public static void CheckStop(ContainerRecord record)
    {
        if (!IsAlive(record.State))
        {
            throw new EngineException(ErrorKind.NotModified, "");
        }
    }

    /// <exception cref="EngineException">Conflict when it is not alive.</exception>
    public static void CheckKill(ContainerRecord record, string reference)
    {
        if (!IsAlive(record.State))
        {
            throw new EngineException(ErrorKind.Conflict, $"Cannot kill container: {reference}: {NotRunning(record).Message}");
        }
    }

    /// <exception cref="EngineException">Conflict unless it runs.</exception>
    public static void CheckPause(ContainerRecord record)
    {
        if (record.State.Status == ContainerStatus.Paused)
        {
            throw new EngineException(ErrorKind.Conflict, $"Container {record.Id} is already paused");
        }

        CheckProcess(record);
    }

    /// <exception cref="EngineException">Internal, as in docker's engine, unless it is paused.</exception>
    public static void CheckUnpause(ContainerRecord record)
    {
        if (record.State.Status != ContainerStatus.Paused)
        {
            throw new EngineException(ErrorKind.Internal, $"Container {record.Id} is not paused");
        }
    }

    /// <exception cref="EngineException">Conflict unless it has a process.</exception>
    public static void CheckProcess(ContainerRecord record)
    {
        if (record.State.Status == ContainerStatus.Restarting)
        {
            throw new EngineException(ErrorKind.Conflict, $"Container {record.Id} is restarting, wait until the container is running");
        }

        if (!HasProcess(record.State))
        {
            throw NotRunning(record);
        }
    }

    /// <exception cref="EngineException">Conflict unless its processes are going on.</exception>
    public static void CheckExec(ContainerRecord record, string reference)
    {
        CheckProcess(record);
        if (record.State.Status == ContainerStatus.Paused)
        {
            throw new EngineException(ErrorKind.Conflict, $"Container {reference} is paused, unpause the container before exec");
        }
    }

    /// <exception cref="EngineException">Conflict while it is paused or between two runs.</exception>
    public static void CheckAttach(ContainerRecord record, string reference)
    {
        switch (record.State.Status)
        {
            case ContainerStatus.Paused:
                throw new EngineException(ErrorKind.Conflict, $"container {reference} is paused, unpause the container before attach");
            case ContainerStatus.Restarting:
                throw new EngineException(ErrorKind.Conflict, $"container {reference} is restarting, wait until the container is running");
            default:
                return;
        }
    }

    /// <exception cref="EngineException">Conflict when it is alive.</exception>
    public static void CheckRemove(ContainerRecord record)
    {
        if (IsAlive(record.State))
        {
            string how = record.State.Status == ContainerStatus.Paused ? "Unpause and then stop" : "Stop";
            throw new EngineException(ErrorKind.Conflict,
                $"You cannot remove a {Word(record.State.Status)} container {record.Id}. {how} the container before attempting removal or force remove");
        }
    }

    /// <summary>The state as clients know it.</summary>
    public static string Word(ContainerStatus status) => status switch
    {
        ContainerStatus.Created => "created",
        ContainerStatus.Running => "running",
        ContainerStatus.Paused => "paused",
        ContainerStatus.Restarting => "restarting",
        _ => "exited",
    };

    public static EngineException NotRunning(ContainerRecord record) => new(ErrorKind.Conflict, $"Container {record.Id} is not running");

    /// <summary>A run begins; asked for by a user, it begins a new count of restarts.</summary>
    public static ContainerState Starting(ContainerState state, DateTimeOffset now, bool isAsked) => state with
    {
        Status = ContainerStatus.Running,
        Pid = 0,
        StartedAt = now,
        Error = "",
        HasStartFailed = false,
        ExitCode = 0,
        OomKilled = false,
        RestartCount = isAsked ? 0 : state.RestartCount,
        WasStopped = !isAsked && state.WasStopped,
    };

    /// <summary>The run that was beginning has its process.</summary>
    public static ContainerState Started(ContainerState state, int pid, DateTimeOffset at) => state with { Pid = pid, StartedAt = at };

    /// <summary>The run that was beginning came to nothing.</summary>
    /// <param name="before">The state before it.</param>
    /// <param name="exitCode">What clients are told for it.</param>
    /// <param name="error">Why.</param>
    public static ContainerState StartFailed(ContainerState before, int exitCode, string error) => before with
    {
        Status = before.Status == ContainerStatus.Created ? ContainerStatus.Created : ContainerStatus.Exited,
        Pid = 0,
        ExitCode = exitCode,
        Error = error,
        HasStartFailed = true,
    };

    /// <summary>
    /// The daemon died after it had noted the start and before the shim carried it out: nobody was told of a run, and there was none.
    /// </summary>
    /// <param name="state">As noted.</param>
    /// <param name="earlier">How the run before that ended, where there was one.</param>
    public static ContainerState NeverStarted(ContainerState state, ExitStatus? earlier) => state with
    {
        Status = state.FinishedAt is null ? ContainerStatus.Created : ContainerStatus.Exited,
        Pid = 0,
        ExitCode = earlier?.Code ?? 0,
        OomKilled = earlier?.OomKilled ?? false,
        StartedAt = state.FinishedAt is null ? null : state.StartedAt,
    };

    /// <summary>A process that another daemon started is found; whether it stands still is the kernel's to say.</summary>
    public static ContainerState Found(ContainerState state, int pid, DateTimeOffset? startedAt, bool isFrozen) => state with
    {
        Status = isFrozen ? ContainerStatus.Paused : ContainerStatus.Running,
        Pid = pid,
        StartedAt = startedAt ?? state.StartedAt,
    };

    public static ContainerState Paused(ContainerState state) => state with { Status = ContainerStatus.Paused };

    public static ContainerState Unpaused(ContainerState state) => state with { Status = ContainerStatus.Running };

    /// <summary>The process ended; <paramref name="restarts"/> when another run follows by itself.</summary>
    public static ContainerState Ended(ContainerState state, ExitStatus status, string error, bool restarts) => state with
    {
        Status = restarts ? ContainerStatus.Restarting : ContainerStatus.Exited,
        Pid = 0,
        ExitCode = status.Code,
        OomKilled = status.OomKilled,
        FinishedAt = status.At,
        Error = error,
        HasStartFailed = false,
        RestartCount = state.RestartCount + (restarts ? 1 : 0),
    };

    /// <summary>The run that was to follow does not.</summary>
    public static ContainerState RestartGivenUp(ContainerState state) => state with { Status = ContainerStatus.Exited };
}
