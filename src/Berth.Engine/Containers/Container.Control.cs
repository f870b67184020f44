using Berth.Engine.Events;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Shims;
using Berth.Storage;

namespace Berth.Engine.Containers;

/// <summary>What users do to a container.</summary>
internal sealed partial class Container
{
    private static readonly TimeSpan ForcePatience = TimeSpan.FromSeconds(2);

    private volatile bool isStopWanted;
    private bool isKilled; // under the gate
    private int userRestarts;
    private int removals;

    /// <summary>Starts a run.</summary>
    /// <exception cref="EngineException">NotModified when it runs already; InvalidArgument or Internal with the runtime's words when it cannot.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            Lifecycle.CheckStart(record);
            isStopWanted = false;
            backoff.Reset();
            await LaunchAsync(isAsked: true);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Sends a signal to the first process. One that is meant to end the container ends its restarts as well, and lets it go on when it stands still.</summary>
    /// <exception cref="EngineException">Conflict when the container does not run.</exception>
    public async Task KillAsync(int signal, string reference, CancellationToken cancellationToken)
    {
        string stopSignal = record.Config.StopSignal ?? "";
        bool isEnd = stopSignal.Length == 0 || signal == Signals.SIGKILL || signal == Signals.Parse(stopSignal);
        await KillAsync(signal, reference, isEnd, cancellationToken);
    }

    /// <summary>Sends the stop signal, then SIGKILL after <paramref name="timeout"/> (null: never).</summary>
    /// <exception cref="EngineException">NotModified when the container does not run.</exception>
    public async Task StopAsync(int signal, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        Task<WaitResult> end;
        lock (sync)
        {
            Lifecycle.CheckStop(record);
            end = ended.Task;
        }

        string id = record.Id.ToString();
        try
        {
            await SignalAndWaitAsync().WaitAsync(timeout ?? Timeout.InfiniteTimeSpan, cancellationToken);
        }
        catch (TimeoutException)
        {
            await EndByForceAsync(end, cancellationToken);
        }

        services.Events.Publish(record, "stop");
        FailPoint.Reach(FailPoints.StopTold);

        // The signal itself may have to wait: for an added process that was frozen before it ran.
        async Task SignalAndWaitAsync()
        {
            await IgnoreEndedAsync(() => KillAsync(signal, id, isEnd: true, cancellationToken));
            await end.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Stops and starts; a container that does not run is started. With <c>--rm</c> it is not removed in between.</summary>
    /// <exception cref="EngineException">Internal with the runtime's words when it cannot be started.</exception>
    public async Task RestartAsync(int signal, TimeSpan? timeout, string reference, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref userRestarts);
        try
        {
            await IgnoreAsync(ErrorKind.NotModified, () => StopAsync(signal, timeout, cancellationToken));
            FailPoint.Reach(FailPoints.AgainStopped);
            await IgnoreAsync(ErrorKind.NotModified, () => StartAsync(CancellationToken.None)); // somebody else may have started it
            services.Events.Publish(record, "restart");
            FailPoint.Reach(FailPoints.AgainTold);
        }
        catch (EngineException exception) when (exception.Kind is ErrorKind.InvalidArgument or ErrorKind.Internal)
        {
            throw new EngineException(ErrorKind.Internal, $"Cannot restart container {reference}: {exception.Message}", exception);
        }
        finally
        {
            Interlocked.Decrement(ref userRestarts);
        }
    }

    /// <summary>Lets all processes stand still.</summary>
    public Task PauseAsync(CancellationToken cancellationToken) => FreezeAsync(isFrozen: true, cancellationToken);

    /// <summary>Lets them go on.</summary>
    public Task UnpauseAsync(CancellationToken cancellationToken) => FreezeAsync(isFrozen: false, cancellationToken);

    /// <summary>Gives the container another name, which the caller has reserved.</summary>
    /// <returns>The name it had.</returns>
    public async Task<string> RenameAsync(string name, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            string old = record.Name;
            await CommitAsync(record with { Name = name }, CancellationToken.None);
            await RenameInNetworksAsync();
            FailPoint.Reach(FailPoints.RenameRecorded);
            services.Events.Publish(record, "rename", ("oldName", "/" + old));
            FailPoint.Reach(FailPoints.RenameTold);
            return old;
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Changes how the container relates to the host; limits take hold of its processes at once.</summary>
    /// <exception cref="EngineException">What <paramref name="change"/> refuses; Internal when the kernel does: then nothing is recorded.</exception>
    public async Task UpdateAsync(Func<ContainerRecord, ContainerHostOptions> change, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            ContainerHostOptions before = record.Config.Host;
            ContainerHostOptions after = change(record);
            if (HasProcess && before.Resources != after.Resources)
            {
                await Task.Run(() => SetLimits(after.Resources.ToSpec()), CancellationToken.None);
            }

            await CommitAsync(record with { Config = record.Config with { Host = after } }, CancellationToken.None);
            services.Events.Publish(record, "update");
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Removes the container and all it has.</summary>
    /// <exception cref="EngineException">Conflict when it runs and <paramref name="force"/> is not given, or when somebody else is removing it.</exception>
    public async Task RemoveAsync(bool force, CancellationToken cancellationToken)
    {
        if (Interlocked.CompareExchange(ref removals, 1, 0) != 0)
        {
            ThrowIfGone();
            throw new EngineException(ErrorKind.Conflict, $"removal of container {record.Id} is already in progress");
        }

        try
        {
            if (!force)
            {
                Lifecycle.CheckRemove(record);
            }
            else if (record.State.IsAlive)
            {
                Task<WaitResult> end = WaitAsync(WaitCondition.NotRunning, cancellationToken);
                await EndByForceAsync(end, cancellationToken);
            }

            await gate.WaitAsync(cancellationToken);
            try
            {
                if (!removed.Task.IsCompleted)
                {
                    Lifecycle.CheckRemove(record);
                    await RemoveStoppedAsync();
                }
            }
            finally
            {
                gate.Release();
            }
        }
        finally
        {
            Volatile.Write(ref removals, 0);
        }
    }

    /// <summary>
    /// SIGKILL to the first process, and after a while to all that the container's cgroup holds, again and again until the end is known: somebody else may
    /// have made them stand still, or the shim waits for one of them and does not answer. A shim that is silent for longer, and has nothing left to wait for, is killed as well. That goes
    /// on when the caller has given up: the signal, once it is on its way to a shim that does not answer, is not called back, and the container is nobody else's until it is through.
    /// </summary>
    private async Task EndByForceAsync(Task end, CancellationToken cancellationToken)
    {
        const int RoundsOfSilence = 5;
        Task killed = KillAndWaitAsync();
        bool isTold = false;
        for (int round = 1; await Task.WhenAny(killed, Task.Delay(ForcePatience, services.Clock, CancellationToken.None)) != killed; round++)
        {
            try
            {
                bool isEmpty = await Task.Run(KillAll, CancellationToken.None);
                if (isEmpty && round >= RoundsOfSilence && !end.IsCompleted)
                {
                    await EndSilentAsync();
                }
            }
            catch (Exception exception) when (exception is IOException or ShimException or EngineException)
            {
                if (!isTold)
                {
                    EngineLog.ProcessesStay(services.Logger, exception, record.Id.Short);
                }

                isTold = true;
            }
        }

        await killed;

        async Task KillAndWaitAsync()
        {
            await IgnoreEndedAsync(() => KillAsync(Signals.SIGKILL, record.Id.ToString(), isEnd: true, cancellationToken));
            await end.WaitAsync(cancellationToken);
        }
    }

    // Whether nothing is left.
    private bool KillAll()
    {
        ContainerCgroup cgroup = ContainerCgroup.Open(SpecBuilder.CgroupPath(record.Id));
        cgroup.KillAll();
        return cgroup.Members(recursive: true).Count == 0;
    }

    // For a container of which nothing is left but, perhaps, a shim. One that answers is on its way: it may have a log to write to its end.
    private async Task EndSilentAsync()
    {
        string socket = services.Options.ShimSocket(record.Id);
        using var patience = new CancellationTokenSource(ForcePatience, services.Clock);
        try
        {
            if (await services.Shims.ConnectAsync(socket, patience.Token) is { } answering)
            {
                await answering.DisposeAsync();
            }
            else
            {
                await EndUnwatchedAsync();
            }

            return;
        }
        catch (Exception exception) when (exception is OperationCanceledException or ShimException)
        {
            // Silent, or of another version.
        }

        if (await Task.Run(() => ShimLauncher.TryKill(socket)))
        {
            EngineLog.ShimKilled(services.Logger, record.Id.Short);
        }
    }

    // For a container whose end nobody waits for, as its shim could not be asked when this daemon began.
    private async Task EndUnwatchedAsync()
    {
        if (!await gate.WaitAsync(ForcePatience))
        {
            return; // somebody is at it
        }

        try
        {
            if (shim is null && HasProcess && watch.IsCompleted && !isDisposed)
            {
                await RestoreAsync(answer: null, WithoutStatus, CancellationToken.None);
            }
        }
        finally
        {
            gate.Release();
        }
    }

    private static Task IgnoreEndedAsync(Func<Task> action) => IgnoreAsync(ErrorKind.Conflict, action);

    // For what the container or somebody else has done already.
    private static async Task IgnoreAsync(ErrorKind kind, Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (EngineException exception) when (exception.Kind == kind)
        {
            // As wanted.
        }
    }

    private async Task KillAsync(int signal, string reference, bool isEnd, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            Lifecycle.CheckKill(record, reference);
            if (HasProcess && shim is null && signal != Signals.SIGKILL)
            {
                throw new EngineException(ErrorKind.Conflict, $"Cannot kill container: {reference}: its shim, which would send the signal, has not answered this daemon yet; SIGKILL needs no shim");
            }

            if (isEnd)
            {
                isStopWanted = true;
                await NoteStopAsync();
                FailPoint.Reach(FailPoints.StopNoted);
            }

            if (record.State.Status == ContainerStatus.Restarting)
            {
                if (isEnd)
                {
                    await GiveUpRestartAsync();
                }

                return;
            }

            isKilled |= signal == Signals.SIGKILL;
            await SignalAsync(signal);
            FailPoint.Reach(FailPoints.StopSignalled);
            if (isEnd && record.State.Status == ContainerStatus.Paused)
            {
                await ThawAsync();
            }

            services.Events.Publish(record, "kill", ("signal", signal.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        }
        finally
        {
            gate.Release();
        }
    }

    // The next daemon may find the end before this one has recorded it: it must know then that no further run is wanted.
    private async Task NoteStopAsync()
    {
        if (!record.Config.Host.RestartPolicy.IsNone && !record.State.WasStopped && Volatile.Read(ref removals) == 0)
        {
            await CommitAsync(record with { State = record.State with { WasStopped = true } }, CancellationToken.None);
        }
    }

    private async Task SignalAsync(int signal)
    {
        try
        {
            if (shim is { } running)
            {
                await running.KillAsync(null, signal, CancellationToken.None);
            }
            else
            {
                await Task.Run(KillAll); // the one signal that comes here without a shim
            }
        }
        catch (ShimException exception) when (exception.Failure is ShimFailure.ConnectionLost or ShimFailure.WrongState)
        {
            // It ended first, which is what a signal is for.
        }
    }

    private async Task FreezeAsync(bool isFrozen, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            if (isFrozen)
            {
                Lifecycle.CheckPause(record);
                if (isKilled)
                {
                    throw Lifecycle.NotRunning(record); // made to stand still, it would never end, and those who wait for that would wait for ever
                }

                await StopHealthAsync();
                await Task.Run(() => InCgroup("pause", static cgroup => cgroup.Freeze()), CancellationToken.None);
                FailPoint.Reach(FailPoints.PauseFrozen);
                Show(record with { State = Lifecycle.Paused(record.State) });
            }
            else
            {
                Lifecycle.CheckUnpause(record);
                await ThawAsync();
            }

            services.Events.Publish(record, isFrozen ? "pause" : "unpause");
            FailPoint.Reach(isFrozen ? FailPoints.PauseTold : FailPoints.UnpauseTold);
        }
        finally
        {
            if (isFrozen && record.State.Status == ContainerStatus.Running)
            {
                StartHealth();
            }

            gate.Release();
        }
    }

    private async Task ThawAsync()
    {
        await Task.Run(() => InCgroup("unpause", static cgroup => cgroup.Thaw()), CancellationToken.None);
        FailPoint.Reach(FailPoints.UnpauseThawed);
        Show(record with { State = Lifecycle.Unpaused(record.State) });
        StartHealth();
    }

    private void SetLimits(ResourcesSpec resources) => InCgroup("update", cgroup => cgroup.Update(resources));

    private void InCgroup(string verb, Action<ContainerCgroup> action)
    {
        ContainerCgroup cgroup = ContainerCgroup.Open(SpecBuilder.CgroupPath(record.Id));
        try
        {
            action(cgroup);
        }
        catch (Exception exception) when (exception is IOException or ArgumentException or NotSupportedException)
        {
            if (cgroup.Members(recursive: true).Count == 0)
            {
                throw Lifecycle.NotRunning(record); // it has ended, and only the record of it is to come
            }

            throw new EngineException(ErrorKind.Internal, $"Cannot {verb} container {record.Id}: {exception.Message}", exception);
        }
    }
}
