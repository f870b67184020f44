using System.Collections.Concurrent;
using Berth.Engine.Containers.Health;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Shims;

namespace Berth.Engine.Containers;

/// <summary>How a container is found again by a daemon that follows on one that died.</summary>
internal sealed partial class Container
{
    private static readonly TimeSpan ShimPatience = TimeSpan.FromSeconds(5);
    private static readonly (int Code, string Error) WithoutStatus = (ExitWithoutStatus, "the container ended without an exit status: its shim or the machine was stopped");
    private static readonly (int Code, string Error) KilledShim = (128 + Signals.SIGKILL, "the container's shim was killed");

    private readonly CancellationTokenSource closing = new();
    private bool isThawed; // by this daemon, to be undone

    /// <summary>
    /// Brings the record in line with what a daemon that died left behind: a live shim, an exit file, or neither. Starts what is to run. A shim that does not answer
    /// does not keep the daemon waiting: its container is looked at when it does.
    /// </summary>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        if (Probe is not null)
        {
            healthReport = HealthFile.TryRead(Folder);
        }

        Task<ShimAnswer?> asking = AskShimAsync(closing.Token);
        if (await IsDoneSoonAsync(asking, cancellationToken))
        {
            await RestoreAsync(await asking, WithoutStatus, cancellationToken);
        }
        else
        {
            EngineLog.ShimUnanswering(services.Logger, record.Id.Short);
            watch = RestoreLateAsync(asking, WithoutStatus);
        }
    }

    /// <summary>Takes what the record says that the container has in networks. Called once, before <see cref="RestoreAsync(CancellationToken)"/>.</summary>
    public IReadOnlyList<EndpointPlan> RecallNetworks()
    {
        if (record.Endpoints.All(static endpoint => endpoint.State is null))
        {
            return [];
        }

        sandbox = services.Sandboxes.Recall(record);
        return [.. sandbox.Networks.Select(static attached => attached.Plan).OfType<EndpointPlan>()];
    }

    // One that waits for a process which was frozen before it ran does not answer: it is let go on for a moment.
    private async Task<bool> IsDoneSoonAsync(Task asking, CancellationToken cancellationToken)
    {
        if (await Task.WhenAny(asking, Task.Delay(ShimPatience, services.Clock, cancellationToken)) == asking)
        {
            return true;
        }

        cancellationToken.ThrowIfCancellationRequested();
        await Task.Run(ThawUnanswered, cancellationToken);
        return await Task.WhenAny(asking, Task.Delay(ShimPatience, services.Clock, cancellationToken)) == asking;
    }

    private async Task RestoreLateAsync(Task<ShimAnswer?> asking, (int Code, string Error) lost)
    {
        try
        {
            ShimAnswer? answer = await asking;
            await gate.WaitAsync();
            try
            {
                if (isDisposed || removed.Task.IsCompleted || shim is not null)
                {
                    await (answer?.Shim.DisposeAsync() ?? ValueTask.CompletedTask);
                }
                else
                {
                    await RestoreAsync(answer, lost, CancellationToken.None);
                }
            }
            finally
            {
                gate.Release();
            }
        }
        catch (OperationCanceledException) when (isDisposed)
        {
            // For the next daemon.
        }
        catch (Exception exception)
        {
            EngineLog.RestoreFailed(services.Logger, exception, record.Id.Short);
        }
    }

    // What a container that has ended without a word is said to have ended with is the caller's.
    private async Task RestoreAsync(ShimAnswer? answer, (int Code, string Error) lost, CancellationToken cancellationToken)
    {
        if (answer is not null && await AdoptOrCloseAsync(answer, cancellationToken))
        {
            return;
        }

        await CleanQuietlyAsync();
        ExitStatus? exit = ExitStatusFile.TryRead(ExitFile);
        bool isNews = exit is not null && (record.State.FinishedAt is not { } finished || exit.At > finished);
        if (HasProcess && !isNews && (exit is not null || !File.Exists(ExitFile)))
        {
            await CloseSandboxAsync();
            await CommitAsync(record.WithoutRun() with { State = Lifecycle.NeverStarted(record.State, exit) }, cancellationToken);
            await ReleaseSandboxAsync();
            CompleteEnded();
        }
        else if (HasProcess || isNews)
        {
            await EndAsync(exit ?? new ExitStatus(lost.Code, OomKilled: false, DateTimeOffset.UtcNow), exit is null ? lost.Error : "");
            return;
        }

        if (record.Config.Host.AutoRemove && record.State.Status == ContainerStatus.Exited)
        {
            await RemoveStoppedAsync();
        }
        else if (record.State.Status == ContainerStatus.Restarting || (record.State is { Status: ContainerStatus.Exited, StartedAt: not null } && WantsRestart(record.State.ExitCode)))
        {
            Show(record with { State = record.State with { Status = ContainerStatus.Restarting } });
            RestartAfter(TimeSpan.Zero);
        }
    }

    private void ThawUnanswered()
    {
        try
        {
            ContainerCgroup cgroup = ContainerCgroup.Open(SpecBuilder.CgroupPath(record.Id));
            if (cgroup.IsFrozen)
            {
                EngineLog.ShimSilent(services.Logger, record.Id.Short);
                isThawed = true;
                cgroup.Thaw();
            }
        }
        catch (IOException exception)
        {
            EngineLog.RestoreFailed(services.Logger, exception, record.Id.Short); // it is looked at late, then
        }
    }

    // Whether it stands still: by itself, or made to once more, as its user wanted.
    private bool FreezeAgain()
    {
        ContainerCgroup cgroup = ContainerCgroup.Open(SpecBuilder.CgroupPath(record.Id));
        if (isThawed && !isStopWanted && !isKilled)
        {
            isThawed = false;
            try
            {
                cgroup.Freeze();
            }
            catch (IOException exception)
            {
                EngineLog.NotFrozenAgain(services.Logger, exception, record.Id.Short);
            }
        }

        return cgroup.IsFrozen;
    }

    // Null when nobody listens. As long as the shim takes: the caller bounds it.
    private async Task<ShimAnswer?> AskShimAsync(CancellationToken cancellationToken)
    {
        if (await services.Shims.ConnectAsync(services.Options.ShimSocket(record.Id), cancellationToken) is not { } found)
        {
            return null;
        }

        // An exec session that ends between the question and the answer is in the one or the other.
        var early = new ConcurrentDictionary<string, ExitStatus>(StringComparer.Ordinal);
        found.ExecExited = (execId, status) =>
        {
            early[execId] = status;
            OnExecExited(execId, status);
        };
        try
        {
            return new ShimAnswer(found, await TryGetStateAsync(found, cancellationToken), early);
        }
        catch
        {
            await found.DisposeAsync();
            throw;
        }
    }

    // False when the shim is ending, or has ended: its connection is closed then, as it is after a failure.
    private async Task<bool> AdoptOrCloseAsync(ShimAnswer answer, CancellationToken cancellationToken)
    {
        bool isAdopted = false;
        try
        {
            isAdopted = await TryAdoptAsync(answer, cancellationToken);
            return isAdopted;
        }
        finally
        {
            if (!isAdopted)
            {
                await answer.Shim.DisposeAsync();
            }
        }
    }

    // False when the shim has no process: it was prepared by the daemon that died and never started, or its process has ended in this moment and it with it.
    private async Task<bool> TryAdoptAsync(ShimAnswer answer, CancellationToken cancellationToken)
    {
        (Shim found, ShimState? state, IReadOnlyDictionary<string, ExitStatus> early) = answer;
        if (state is null or { Pid: 0, Exit: null })
        {
            return false;
        }

        foreach (ExecState exec in state.Execs)
        {
            if (execs.Find(exec.Id) is null)
            {
                AddFoundExec(exec);
            }
            else if (exec.Exit is { } exit)
            {
                execs.End(exec.Id, exit.Code); // it ended while only the connection to the shim was broken
            }
        }

        foreach ((string execId, ExitStatus status) in early)
        {
            OnExecExited(execId, status);
        }

        bool isFrozen = await Task.Run(FreezeAgain, cancellationToken);
        ContainerState running = Lifecycle.Found(record.State, state.Pid, state.StartedAt, isFrozen);
        if (!HasProcess)
        {
            await CommitAsync(record with { State = running }, cancellationToken);
        }

        lock (sync)
        {
            shim = found;
            record = record with { State = running };
        }

        await AdoptSandboxAsync();
        watch = WatchAsync(found);
        StartHealth();
        foreach (AttachSession session in TakePending())
        {
            await ConnectAsync(session, found); // those that came while the shim did not answer
        }

        return true;
    }

    // A container without a resolver is better than none.
    private async Task AdoptSandboxAsync()
    {
        try
        {
            sandbox = await services.Sandboxes.AdoptAsync(record, sandbox ?? services.Sandboxes.Recall(record));
        }
        catch (Exception exception) when (exception is IOException or EngineException or System.Net.Sockets.SocketException)
        {
            EngineLog.NamesNotServed(services.Logger, exception, record.Id.Short);
        }
    }

    // Null when it ended before it could answer.
    private static async Task<ShimState?> TryGetStateAsync(Shim found, CancellationToken cancellationToken)
    {
        try
        {
            return await found.GetStateAsync(cancellationToken);
        }
        catch (ShimException exception) when (exception.Failure == ShimFailure.ConnectionLost)
        {
            return null;
        }
    }

    /// <param name="Shim">The shim, connected.</param>
    /// <param name="State">What it knows; null when it ended before it could answer.</param>
    /// <param name="EarlyExits">Exec sessions that have ended since it was asked.</param>
    private sealed record ShimAnswer(Shim Shim, ShimState? State, IReadOnlyDictionary<string, ExitStatus> EarlyExits);
}
