using System.Collections.Concurrent;
using Berth.Model;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Shims;
using Berth.Storage.Metadata;

namespace Berth.Engine.Containers;

/// <summary>A container's life: how a run begins, is found again after the daemon's death, and ends.</summary>
internal sealed partial class Container
{
    /// <summary>Brings the record in line with what a daemon that died left behind: a live shim, an exit file, or neither.</summary>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        Shim? found = await services.Shims.ConnectAsync(services.Options.ShimSocket(record.Id), cancellationToken);
        if (found is not null)
        {
            if (await TryAdoptAsync(found, cancellationToken))
            {
                return;
            }

            await found.DisposeAsync(); // prepared by the daemon that died, never started: it is ending
        }

        await CleanQuietlyAsync();
        ExitStatus? exit = ExitStatusFile.TryRead(ExitFile);
        bool isNews = exit is not null && (record.State.FinishedAt is not { } finished || exit.At > finished);
        if (IsRunning && !isNews && (exit is not null || !File.Exists(ExitFile)))
        {
            await RecordNeverStartedAsync(exit, cancellationToken);
        }
        else if (IsRunning || isNews)
        {
            await RecordEndAsync(exit ?? new ExitStatus(ExitWithoutStatus, OomKilled: false, DateTimeOffset.UtcNow),
                exit is null ? "the container ended without an exit status: its shim or the machine was stopped" : "");
        }

        if (record.Config.Host.AutoRemove && record.State.Status == ContainerStatus.Exited)
        {
            await RemoveStoppedAsync();
        }
    }

    // The shim empties the exit file before it starts the process. Here there is none, or an earlier run's: the daemon died between noting the start and
    // the shim's carrying it out, nobody was told of a run, and there was none.
    private ValueTask RecordNeverStartedAsync(ExitStatus? earlier, CancellationToken cancellationToken) =>
        CommitAsync(record with
        {
            State = record.State with
            {
                Status = record.State.FinishedAt is null ? ContainerStatus.Created : ContainerStatus.Exited,
                Pid = 0,
                ExitCode = earlier?.Code ?? 0,
                OomKilled = earlier?.OomKilled ?? false,
                StartedAt = record.State.FinishedAt is null ? null : record.State.StartedAt,
            },
        }, cancellationToken);

    private async Task LaunchAsync(Func<string?> findNetwork)
    {
        // A start that has begun is carried through: a client that goes away does not undo it.
        CancellationToken never = CancellationToken.None;
        DateTimeOffset now = DateTimeOffset.UtcNow;
        ContainerState before = record.State;
        var starting = record with { State = before with { Status = ContainerStatus.Running, Pid = 0, StartedAt = now, Error = "", ExitCode = 0, OomKilled = false } };
        string bundle = services.Options.Bundle(record.Id);
        Shim? launched = null;
        Task journaled = Task.CompletedTask;
        await fileUses.DrainAsync();
        try
        {
            BundleWriter.Write(services, record, LogPath, ExitFile, findNetwork());
            journaled = services.Journal.CommitAsync([Change(starting)], never).AsTask(); // beside the work below; awaited before it is acknowledged
            launched = await services.Shims.PrepareAsync(bundle, never);
            launched.ExecExited = OnExecExited;
            foreach (AttachSession session in TakePending())
            {
                await ConnectAsync(session, launched);
            }

            ProcessStarted started = await launched.StartAsync(never);
            await journaled;
            lock (sync)
            {
                shim = launched;
                record = starting with { State = starting.State with { Pid = started.Pid, StartedAt = started.At } };
            }

            watch = WatchAsync(launched);
        }
        catch (Exception exception)
        {
            await journaled.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            EngineException failure = Translate(exception, "failed to create task for container: ");
            await AbandonAsync(launched, before, StartExitCode(exception), failure.Message);
            throw failure;
        }
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

    private async Task AbandonAsync(Shim? launched, ContainerState before, int exitCode, string error)
    {
        foreach (AttachSession session in TakePending())
        {
            session.Cancel();
        }

        if (launched is not null)
        {
            await launched.DisposeAsync(); // a shim whose start failed or never came ends with its connection
        }

        ContainerState failed = before with
        {
            ExitCode = exitCode,
            Error = error,
            Status = before.Status == ContainerStatus.Created ? ContainerStatus.Created : ContainerStatus.Exited,
        };
        await CleanQuietlyAsync();
        try
        {
            await CommitAsync(record with { State = failed }, CancellationToken.None);
        }
        catch (EngineException exception)
        {
            EngineLog.StateNotRecorded(services.Logger, exception, record.Id.Short); // the next start finds out by itself that there was no run
            lock (sync)
            {
                record = record with { State = failed };
            }
        }

        CompleteEnded();
        if (record.Config.Host.AutoRemove)
        {
            await RemoveStoppedAsync();
        }
    }

    private async Task WatchAsync(Shim running)
    {
        ExitStatus? status = await running.Exited;
        await gate.WaitAsync();
        try
        {
            shim = null;
            await running.DisposeAsync();
            status ??= ExitStatusFile.TryRead(ExitFile);
            bool isLost = status is null;
            if (isLost && await services.Shims.ConnectAsync(services.Options.ShimSocket(record.Id), CancellationToken.None) is { } again
                && await TryAdoptAsync(again, CancellationToken.None))
            {
                return; // only the connection broke
            }

            await CleanQuietlyAsync();
            status ??= new ExitStatus(128 + Signals.SIGKILL, OomKilled: false, DateTimeOffset.UtcNow);
            await RecordEndAsync(status, isLost ? "the container's shim was killed" : "");
            if (record.Config.Host.AutoRemove)
            {
                await RemoveStoppedAsync();
            }
        }
        catch (Exception exception)
        {
            EngineLog.ContainerWatchFailed(services.Logger, exception, record.Id.Short);
        }
        finally
        {
            gate.Release();
        }
    }

    // False when the shim has no process: it was prepared and never started.
    private async Task<bool> TryAdoptAsync(Shim found, CancellationToken cancellationToken)
    {
        // An exec session that ends between the question and the answer is in the one or the other.
        var early = new ConcurrentDictionary<string, ExitStatus>(StringComparer.Ordinal);
        found.ExecExited = (execId, status) =>
        {
            early[execId] = status;
            OnExecExited(execId, status);
        };
        ShimState state = await found.GetStateAsync(cancellationToken);
        if (state.Pid == 0 && state.Exit is null)
        {
            return false;
        }

        foreach (ExecState exec in state.Execs)
        {
            if (execs.Find(exec.Id) is null)
            {
                AddExec(ExecSession.Restore(record.Id, exec));
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

        ContainerState running = record.State with { Status = ContainerStatus.Running, Pid = state.Pid, StartedAt = state.StartedAt ?? record.State.StartedAt };
        if (!IsRunning)
        {
            await CommitAsync(record with { State = running }, cancellationToken);
        }

        lock (sync)
        {
            shim = found;
            record = record with { State = running };
        }

        watch = WatchAsync(found);
        return true;
    }

    private async Task RecordEndAsync(ExitStatus status, string error)
    {
        ContainerRecord next = record with
        {
            State = record.State with
            {
                Status = ContainerStatus.Exited,
                Pid = 0,
                ExitCode = status.Code,
                OomKilled = status.OomKilled,
                FinishedAt = status.At,
                Error = error,
            },
        };

        // The exit file is durable already; of a container about to be removed nothing else needs to be.
        if (!record.Config.Host.AutoRemove)
        {
            try
            {
                await services.Journal.CommitAsync([Change(next)], CancellationToken.None);
            }
            catch (EngineException exception)
            {
                EngineLog.StateNotRecorded(services.Logger, exception, record.Id.Short); // the next start reads the exit file
            }
        }

        execs.EndAll(Signals.SIGKILL + 128);
        lock (sync)
        {
            record = next;
        }

        CompleteEnded();
    }

    private async Task RemoveStoppedAsync()
    {
        await services.Journal.CommitAsync([new JournalChange(Bucket, record.Id.ToString(), null)], CancellationToken.None);
        foreach (AttachSession session in TakePending())
        {
            session.Cancel();
        }

        execs.Clear();
        OnRemoved(this);
        removed.TrySetResult(LastResult());
        try
        {
            // What cannot be deleted now has no record any more and is deleted at the next start.
            await fileUses.DrainAsync();
            services.Snapshots.Remove(record.Id);
            Directory.Delete(Folder, recursive: true);
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

    private void OnExecExited(string execId, ExitStatus status) => execs.End(execId, status.Code);
}
