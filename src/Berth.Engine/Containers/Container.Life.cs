using Berth.Engine.Containers.Health;
using Berth.Engine.Events;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Shims;
using Berth.Storage;
using Berth.Storage.Metadata;

namespace Berth.Engine.Containers;

/// <summary>A container's life: how a run begins, ends, and is followed by another.</summary>
internal sealed partial class Container
{
    private readonly RestartBackoff backoff = new();
    private CancellationTokenSource? restartDelay;
    private Task restart = Task.CompletedTask;

    // As docker's engine: a linked container that takes longer is not waited for.
    private static readonly TimeSpan LinkPatience = TimeSpan.FromSeconds(5);

    /// <summary>The start that the daemon's own start brought about, over when this completes; it does not fail.</summary>
    public Task FirstRestart { get; private set; } = Task.CompletedTask;

    private bool WantsRestart(int exitCode) => record.Config.Host.RestartPolicy.Wants(exitCode, record.State.WasStopped, record.State.RestartCount);

    private async Task LaunchAsync(bool isAsked)
    {
        // A start that has begun is carried through: a client that goes away does not undo it.
        CancellationToken never = CancellationToken.None;
        ContainerState before = record.State;
        isKilled = false;
        var starting = record with { State = Lifecycle.Starting(before, DateTimeOffset.UtcNow, isAsked) };
        string bundle = services.Options.Bundle(record.Id);
        Shim? launched = null;
        Task journaled = Task.CompletedTask, connected = Task.CompletedTask;
        await fileUses.DrainAsync();
        try
        {
            // The namespace has to be there for the shim; what comes into it, only when the process begins.
            JoinedNetwork? joined = links.FindNetwork(record);
            ContainerSandbox planned = sandbox = await services.Sandboxes.PlanAsync(record, links.FindLinked(record, true));
            services.Sandboxes.Open(record, planned);
            await services.Sandboxes.JoinAsync(record, planned);
            starting = starting with { Endpoints = planned.Endpoints };
            BundleWriter.Write(services, record, services.Root.ContainerFolder(record.Id), LogPath, ExitFile, planned, joined);
            FailPoint.Reach(FailPoints.StartBundleWritten);
            journaled = services.Journal.CommitAsync([Change(starting)], never).AsTask(); // beside the work below; awaited before it is acknowledged
            connected = Task.Run(() => services.Sandboxes.ApplyAsync(record, planned), never);
            launched = await services.Shims.PrepareAsync(bundle, never);
            FailPoint.Reach(FailPoints.StartPrepared);
            await connected;
            launched.ExecExited = OnExecExited;
            foreach (AttachSession session in TakePending())
            {
                await ConnectAsync(session, launched);
            }

            ProcessStarted started = await launched.StartAsync(never);
            FailPoint.Reach(FailPoints.StartStarted);
            await journaled;
            FailPoint.Reach(FailPoints.StartRecorded);
            lock (sync)
            {
                shim = launched;
                record = starting with { State = Lifecycle.Started(starting.State, started.Pid, started.At) };
            }

            services.Events.Publish(record, "start");
            FailPoint.Reach(FailPoints.StartTold);
            watch = WatchAsync(launched);
        }
        catch (Exception exception)
        {
            await journaled.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await connected.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            EngineException failure = Translate(exception, "failed to create task for container: ");
            await AbandonAsync(launched, Lifecycle.StartFailed(before, StartExitCode(exception), failure.Message));
            throw failure;
        }

        if (Probe is not null)
        {
            KeepHealth((healthReport ?? new HealthReport()).Restarted());
            StartHealth();
        }

        await links.OnStarted(record);
    }

    // An attachment that cannot be connected is no reason not to start; a shim that died fails the start itself.
    private async Task ConnectAsync(AttachSession session, Shim launched)
    {
        try
        {
            await session.ConnectAsync(launched, CancellationToken.None);
        }
        catch (Exception exception) when (exception is ShimException or System.Net.Sockets.SocketException)
        {
            EngineLog.AttachmentLost(services.Logger, exception, record.Id.Short);
        }
    }

    // What cannot be cleared now is cleared at the next start of the daemon; the container's end is told all the same.
    private async Task CleanQuietlyAsync()
    {
        try
        {
            await CleanRunAsync();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            EngineLog.LeftoverKept(services.Logger, exception, record.Id.Short);
        }
    }

    private async Task AbandonAsync(Shim? launched, ContainerState failed)
    {
        foreach (AttachSession session in TakePending())
        {
            session.Cancel();
        }

        if (launched is not null)
        {
            await launched.DisposeAsync(); // a shim whose start failed or never came ends with its connection
        }

        await CleanQuietlyAsync();
        await CloseSandboxAsync();
        bool wasAlive = record.State.IsAlive;
        await RecordAsync(record.WithoutRun() with { State = failed });
        await ReleaseSandboxAsync();
        if (wasAlive)
        {
            CompleteEnded(); // a restart; whoever waits for the end of a run that never began is told by the start's own answer, as in docker
        }

        if (record.Config.Host.AutoRemove)
        {
            await RemoveStoppedAsync();
        }
    }

    // What happened has happened, whatever the journal says: the next start finds it out by itself.
    private async Task RecordAsync(ContainerRecord next)
    {
        try
        {
            await services.Journal.CommitAsync([Change(next)], CancellationToken.None);
        }
        catch (EngineException exception)
        {
            EngineLog.StateNotRecorded(services.Logger, exception, record.Id.Short);
        }

        Show(next);
    }

    private async Task WatchAsync(Shim running)
    {
        ExitStatus? status = await running.Exited;
        FailPoint.Reach(FailPoints.EndSeen);
        if (isDisposed)
        {
            return;
        }

        await gate.WaitAsync();
        try
        {
            shim = null;
            await running.DisposeAsync();
            status ??= ExitStatusFile.TryRead(ExitFile);
            if (status is not null)
            {
                await CleanQuietlyAsync();
                FailPoint.Reach(FailPoints.EndCleaned);
                await EndAsync(status, "");
                return;
            }
        }
        catch (Exception exception)
        {
            EngineLog.ContainerWatchFailed(services.Logger, exception, record.Id.Short);
            return;
        }
        finally
        {
            gate.Release();
        }

        // Perhaps only the connection broke. Others go on meanwhile: a shim may take long to answer.
        await RestoreLateAsync(AskShimAsync(closing.Token), KilledShim);
    }

    // The process is gone: what follows is told, recorded and, where a policy or --rm says so, done.
    private async Task EndAsync(ExitStatus status, string error)
    {
        await StopHealthAsync();
        bool isUsers = isStopWanted || Volatile.Read(ref userRestarts) > 0;
        bool restarts = !isUsers && WantsRestart(status.Code);
        bool removes = record.Config.Host.AutoRemove && Volatile.Read(ref userRestarts) == 0;
        await CloseSandboxAsync();
        ContainerRecord next = record.WithoutRun() with { State = Lifecycle.Ended(record.State, status, error, restarts) };

        // The exit file is durable already; of a container about to be removed nothing else needs to be.
        if (removes)
        {
            Show(next);
        }
        else
        {
            await RecordAsync(next);
            await ReleaseSandboxAsync();
        }

        FailPoint.Reach(FailPoints.EndRecorded);
        execs.EndAll(Signals.SIGKILL + 128);
        if (status.OomKilled)
        {
            services.Events.Publish(record, "oom");
        }

        services.Events.Publish(record, "die", ("exitCode", status.Code.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        FailPoint.Reach(FailPoints.EndTold);
        if (restarts)
        {
            RestartAfter(backoff.Next(status.At - (record.State.StartedAt ?? status.At)));
            FailPoint.Reach(FailPoints.RestartPlanned);
        }

        CompleteEnded();
        if (removes)
        {
            await RemoveStoppedAsync();
        }
    }

    private void RestartAfter(TimeSpan delay)
    {
        bool isFirst = !links.Restored.IsCompleted;
        restartDelay = new CancellationTokenSource();
        restart = RestartAfterAsync(delay, isFirst, restartDelay);
        if (isFirst)
        {
            FirstRestart = restart;
        }
    }

    // Those that this one is linked to have to run before it.
    private async Task AwaitLinkedAsync(CancellationToken cancellationToken)
    {
        Task linked = links.LinkedRestarts(record);
        if (!linked.IsCompleted)
        {
            await Task.WhenAny(linked, Task.Delay(LinkPatience, services.Clock, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private async Task RestartAfterAsync(TimeSpan delay, bool isFirst, CancellationTokenSource cancel)
    {
        using (cancel)
        {
            try
            {
                await links.Restored.WaitAsync(cancel.Token);
                await Task.Delay(delay, services.Clock, cancel.Token);
                if (isFirst)
                {
                    await AwaitLinkedAsync(cancel.Token);
                }

                await gate.WaitAsync(cancel.Token);
            }
            catch (OperationCanceledException)
            {
                return; // a user or the daemon's end was faster
            }

            try
            {
                if (restartDelay == cancel && !isDisposed)
                {
                    restartDelay = null;
                    FailPoint.Reach(FailPoints.RestartBegun);
                    await LaunchAsync(isAsked: false);
                }
            }
            catch (EngineException exception)
            {
                EngineLog.RestartFailed(services.Logger, exception, record.Id.Short);
            }
            finally
            {
                gate.Release();
            }
        }
    }

    private async Task GiveUpRestartAsync()
    {
        restartDelay?.Cancel();
        restartDelay = null;
        await RecordAsync(record with { State = Lifecycle.RestartGivenUp(record.State) });
        CompleteEnded();
    }

    private async Task RemoveStoppedAsync()
    {
        await services.Journal.CommitAsync([new JournalChange(Bucket, record.Id.ToString(), null)], CancellationToken.None);
        FailPoint.Reach(FailPoints.RemoveRecorded);
        await ReleaseSandboxAsync();
        foreach (AttachSession session in TakePending())
        {
            session.Cancel();
        }

        await StopHealthAsync();
        execs.Clear();
        links.OnRemoved(this);
        services.Events.Publish(record, "destroy");
        FailPoint.Reach(FailPoints.RemoveTold);
        removed.TrySetResult(LastResult());
        try
        {
            // What cannot be deleted now has no record any more and is deleted at the next start.
            await fileUses.DrainAsync();
            services.Snapshots.Remove(record.Id);
            FailPoint.Reach(FailPoints.RemoveLayerRemoved);
            Directory.Delete(Folder, recursive: true);
            FailPoint.Reach(FailPoints.RemoveFolderRemoved);
            if (services.Images.List().All(image => image.Id != record.ImageId))
            {
                await services.Images.CollectLayersAsync(CancellationToken.None); // the image was removed by force while this container stood on it
            }
        }
        catch (Exception exception) when (exception is IOException or EngineException or UnauthorizedAccessException)
        {
            EngineLog.LeftoverKept(services.Logger, exception, record.Id.Short);
        }
    }

    // Clears what a run leaves outside the container's own folders once its shim is gone.
    private Task CleanRunAsync() => Task.Run(() =>
    {
        string bundle = services.Options.Bundle(record.Id);
        if (Directory.Exists(bundle))
        {
            ContainerCgroup.KillAndRemove(SpecBuilder.CgroupPath(record.Id));
            File.Delete(services.Options.ShimSocket(record.Id));
            Directory.Delete(bundle, recursive: true);
        }
    });

    // Nobody finds it in its networks any more.
    private async Task CloseSandboxAsync()
    {
        if (sandbox is { } closing)
        {
            await services.Sandboxes.CloseAsync(closing);
        }
    }

    // Only when the record without the run is durable: nobody gets an address that a record has.
    private async Task ReleaseSandboxAsync()
    {
        if (sandbox is { } closed)
        {
            sandbox = null;
            await services.Sandboxes.ReleaseAsync(closed);
        }
    }
}
