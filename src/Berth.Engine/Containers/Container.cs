using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Host;
using Berth.Runtime.Shims;
using Berth.Storage.Metadata;

namespace Berth.Engine.Containers;

/// <summary>
/// The one owner of a container's state. Changes are serial (<see cref="gate"/>), durable before they are visible, and seen from outside as
/// immutable records.
/// </summary>
internal sealed class Container : IAsyncDisposable
{
    public const string Bucket = "containers";
    private const int ExitWithoutStatus = 255;

    private readonly ContainerServices services;
    private readonly SemaphoreSlim gate = new(1, 1);
    private readonly Lock sync = new();
    private readonly List<AttachSession> pending = [];
    private readonly ConcurrentDictionary<string, ExecSession> execs = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource<WaitResult> removed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<WaitResult> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ContainerRecord record;
    private volatile Shim? shim;
    private Task watch = Task.CompletedTask;

    /// <param name="services">What the container needs of the world.</param>
    /// <param name="record">Its state as it stands in the journal.</param>
    /// <param name="onRemoved">Takes the container out of the directory of names; called once, when its removal is durable.</param>
    public Container(ContainerServices services, ContainerRecord record, Action<Container> onRemoved)
    {
        this.services = services;
        this.record = record;
        OnRemoved = onRemoved;
    }

    public ContainerRecord Record => record;

    public string Folder => services.Root.ContainerFolder(record.Id);

    public string LogPath => record.Config.Host.Log.Driver == "json-file" ? Path.Combine(Folder, $"{record.Id}-json.log") : "";

    /// <summary>Exec sessions of the present run, ended ones included.</summary>
    public ICollection<string> ExecIds => execs.Keys;

    public bool IsRunning => record.State.Status == ContainerStatus.Running;

    public ContainerInfo Info => new(record, [.. execs.Values.Where(static exec => exec.ExitCode is null).Select(static exec => exec.Id)], Folder, LogPath);

    /// <summary>The present shim; only while the container runs.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/> when it does not.</exception>
    public Shim RunningShim => (IsRunning ? shim : null) ?? throw NotRunning();

    private Action<Container> OnRemoved { get; }

    private string ExitFile => Path.Combine(Folder, "exit");

    /// <summary>Makes the record durable for the first time.</summary>
    public ValueTask CommitNewAsync(CancellationToken cancellationToken) => CommitAsync(record, cancellationToken);

    /// <summary>Starts a run. <paramref name="findNetwork"/> gives a namespace to join, or null; when it throws, the start has failed.</summary>
    /// <exception cref="EngineException">NotModified when it runs already; InvalidArgument or Internal with the runtime's words when it cannot.</exception>
    public async Task StartAsync(Func<string?> findNetwork, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            if (IsRunning)
            {
                throw new EngineException(ErrorKind.NotModified, "");
            }

            await LaunchAsync(findNetwork);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Registers an attachment; it is connected at once when the container runs.</summary>
    public async Task<AttachSession> AttachAsync(AttachStreams streams, CancellationToken cancellationToken)
    {
        var session = new AttachSession(streams);
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            if (IsRunning && shim is { } running)
            {
                try
                {
                    await session.ConnectAsync(running, cancellationToken);
                }
                catch (ShimException exception) when (exception.Failure is ShimFailure.ConnectionLost or ShimFailure.WrongState)
                {
                    throw NotRunning(); // it ended between the check and the attachment
                }
            }
            else
            {
                lock (sync)
                {
                    pending.Add(session);
                }
            }
        }
        finally
        {
            gate.Release();
        }

        return session;
    }

    /// <summary>Forgets an attachment whose client went away before the container started.</summary>
    public void Detach(AttachSession session)
    {
        lock (sync)
        {
            pending.Remove(session);
        }

        session.Cancel();
    }

    /// <summary>Begins a wait; the returned task ends with it, or with <paramref name="cancellationToken"/>.</summary>
    public Task<WaitResult> WaitAsync(WaitCondition condition, CancellationToken cancellationToken)
    {
        lock (sync)
        {
            Task<WaitResult> task = condition switch
            {
                WaitCondition.Removed => removed.Task,
                WaitCondition.NotRunning when !IsRunning => Task.FromResult(LastResult()),
                _ => ended.Task,
            };
            return task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Sends a signal to the first process.</summary>
    /// <exception cref="EngineException">Conflict when the container does not run.</exception>
    public async Task KillAsync(int signal, CancellationToken cancellationToken)
    {
        if (!IsRunning || shim is not { } running)
        {
            throw new EngineException(ErrorKind.Conflict, $"cannot kill container: {record.Id}: container {record.Id} is not running");
        }

        try
        {
            await running.KillAsync(null, signal, cancellationToken);
        }
        catch (ShimException exception) when (exception.Failure is ShimFailure.ConnectionLost or ShimFailure.WrongState)
        {
            // It ended first, which is what a signal is for.
        }
    }

    /// <summary>Sends the stop signal, then SIGKILL after <paramref name="timeout"/> (null: never).</summary>
    /// <exception cref="EngineException">NotModified when the container does not run.</exception>
    public async Task StopAsync(int signal, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        Task<WaitResult> end;
        lock (sync)
        {
            if (!IsRunning)
            {
                throw new EngineException(ErrorKind.NotModified, "");
            }

            end = ended.Task;
        }

        await IgnoreEndedAsync(() => KillAsync(signal, cancellationToken));
        try
        {
            await end.WaitAsync(timeout ?? Timeout.InfiniteTimeSpan, cancellationToken);
        }
        catch (TimeoutException)
        {
            await IgnoreEndedAsync(() => KillAsync(Signals.SIGKILL, cancellationToken));
            await end.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Removes the container and all it has; idempotent once begun.</summary>
    /// <exception cref="EngineException">Conflict when it runs and <paramref name="force"/> is not given.</exception>
    public async Task RemoveAsync(bool force, CancellationToken cancellationToken)
    {
        if (IsRunning)
        {
            if (!force)
            {
                throw new EngineException(ErrorKind.Conflict,
                    $"You cannot remove a running container {record.Id}. Stop the container before attempting removal or force remove");
            }

            Task<WaitResult> end = WaitAsync(WaitCondition.NotRunning, cancellationToken);
            await IgnoreEndedAsync(() => KillAsync(Signals.SIGKILL, cancellationToken));
            await end;
        }

        await gate.WaitAsync(cancellationToken);
        try
        {
            if (removed.Task.IsCompleted)
            {
                return;
            }

            if (IsRunning)
            {
                throw new EngineException(ErrorKind.Conflict, $"cannot remove container \"/{record.Name}\": it was started again meanwhile");
            }

            await RemoveStoppedAsync();
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Adds an exec session to the running container.</summary>
    public async Task CreateExecAsync(ExecSession session, ExecConfig config, CancellationToken cancellationToken)
    {
        await CallShimAsync(running => running.CreateExecAsync(session.Id, config, cancellationToken));
        execs[session.Id] = session;
    }

    /// <summary>An exec session of the present run, or null.</summary>
    public ExecSession? FindExec(string id) => execs.GetValueOrDefault(id);

    /// <summary>Calls the shim; a lost connection means that the container ended.</summary>
    /// <exception cref="EngineException">Conflict when the container does not run; what the shim refused otherwise.</exception>
    public async Task CallShimAsync(Func<Shim, Task> call)
    {
        try
        {
            await call(RunningShim);
        }
        catch (ShimException exception) when (exception.Failure == ShimFailure.ConnectionLost)
        {
            throw NotRunning();
        }
        catch (ShimException exception)
        {
            throw Translate(exception, "");
        }
    }

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

        await CleanRunAsync();
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

    /// <summary>Lets go of the container without touching it: the shim goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (AttachSession session in TakePending())
        {
            session.Cancel();
        }

        if (shim is { } running)
        {
            await running.DisposeAsync();
        }

        await watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
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

    private static async Task IgnoreEndedAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.Conflict)
        {
            // The container ended on its own meanwhile.
        }
    }

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
        try
        {
            BundleWriter.Write(services, record, LogPath, ExitFile, findNetwork());
            journaled = services.Journal.CommitAsync([Change(starting)], never).AsTask(); // beside the work below; awaited before it is acknowledged
            launched = await services.Shims.PrepareAsync(bundle, never);
            launched.ExecExited = OnExecExited;
            foreach (AttachSession session in TakePending())
            {
                await session.ConnectAsync(launched, never);
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

        await CleanRunAsync();
        ContainerState failed = before with
        {
            ExitCode = exitCode,
            Error = error,
            Status = before.Status == ContainerStatus.Created ? ContainerStatus.Created : ContainerStatus.Exited,
        };
        await CommitAsync(record with { State = failed }, CancellationToken.None);
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

            await CleanRunAsync();
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
            execs[exec.Id] = ExecSession.Restore(record.Id, exec);
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
            await services.Journal.CommitAsync([Change(next)], CancellationToken.None);
        }

        foreach (ExecSession exec in execs.Values)
        {
            exec.End(Signals.SIGKILL + 128);
        }

        execs.Clear();
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

        OnRemoved(this);
        removed.TrySetResult(LastResult());
        try
        {
            // What cannot be deleted now has no record any more and is deleted at the next start.
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

    private void OnExecExited(string execId, ExitStatus status)
    {
        if (execs.TryGetValue(execId, out ExecSession? session))
        {
            session.End(status.Code);
        }
    }

    private List<AttachSession> TakePending()
    {
        lock (sync)
        {
            List<AttachSession> taken = [.. pending];
            pending.Clear();
            return taken;
        }
    }

    private void CompleteEnded()
    {
        TaskCompletionSource<WaitResult> completed;
        lock (sync)
        {
            completed = ended;
            ended = new TaskCompletionSource<WaitResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        completed.TrySetResult(LastResult());
    }

    private async ValueTask CommitAsync(ContainerRecord next, CancellationToken cancellationToken)
    {
        await services.Journal.CommitAsync([Change(next)], cancellationToken);
        lock (sync)
        {
            record = next;
        }
    }

    private static JournalChange Change(ContainerRecord next) =>
        new(Bucket, next.Id.ToString(), JsonSerializer.SerializeToUtf8Bytes(next, EngineJsonContext.Default.ContainerRecord));

    private WaitResult LastResult() => new(record.State.ExitCode, record.State.Error);

    private void ThrowIfGone()
    {
        if (removed.Task.IsCompleted)
        {
            throw new EngineException(ErrorKind.NotFound, $"No such container: {record.Id}");
        }
    }

    private EngineException NotRunning() => new(ErrorKind.Conflict, $"Container {record.Id} is not running");

    private static int StartExitCode(Exception exception) => exception is ShimException refused
        ? refused.StartFailure switch { StartFailure.CommandNotFound => 127, StartFailure.CommandNotExecutable => 126, _ => 128 }
        : 128;

    private static EngineException Translate(Exception exception, string prefix) => exception switch
    {
        EngineException known => known,
        ShimException { StartFailure: not StartFailure.Host } refused => new EngineException(ErrorKind.InvalidArgument, prefix + refused.Message, refused),
        _ => new EngineException(ErrorKind.Internal, prefix + exception.Message, exception),
    };
}
