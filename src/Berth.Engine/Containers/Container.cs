using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Model;
using Berth.Runtime.Host;
using Berth.Runtime.Shims;
using Berth.Storage.Metadata;

namespace Berth.Engine.Containers;

/// <summary>
/// The one owner of a container's state. Changes are serial (<see cref="gate"/>), durable before they are visible, and seen from outside as
/// immutable records.
/// </summary>
internal sealed partial class Container : IAsyncDisposable
{
    public const string Bucket = "containers";
    private const int ExitWithoutStatus = 255;

    private readonly ContainerServices services;
    private readonly SemaphoreSlim gate = new(1, 1);
    private readonly Lock sync = new();
    private readonly List<AttachSession> pending = [];
    private readonly ConcurrentDictionary<string, Container> ownerByExec;
    private readonly ExecTable execs;
    private readonly TaskCompletionSource<WaitResult> removed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<WaitResult> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ContainerRecord record;
    private volatile Shim? shim;
    private Task watch = Task.CompletedTask;

    /// <param name="services">What the container needs of the world.</param>
    /// <param name="record">Its state as it stands in the journal.</param>
    /// <param name="ownerByExec">Where sessions of all containers are found; the container enters its own and takes them out.</param>
    /// <param name="onRemoved">Takes the container out of the directory of names; called once, when its removal is durable.</param>
    public Container(ContainerServices services, ContainerRecord record, ConcurrentDictionary<string, Container> ownerByExec, Action<Container> onRemoved)
    {
        this.services = services;
        this.record = record;
        this.ownerByExec = ownerByExec;
        execs = new ExecTable(services.Clock, session => ownerByExec.TryRemove(session.Id, out _));
        OnRemoved = onRemoved;
    }

    public ContainerRecord Record => record;

    public string Folder => services.Root.ContainerFolder(record.Id);

    public string LogPath => record.Config.Host.Log.Driver == "json-file" ? Path.Combine(Folder, $"{record.Id}-json.log") : "";

    public bool IsRunning => record.State.Status == ContainerStatus.Running;

    public ContainerInfo Info => new(record, execs.Unended, Folder, LogPath);

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
    public ValueTask DetachAsync(AttachSession session)
    {
        lock (sync)
        {
            pending.Remove(session);
        }

        return session.EndAsync();
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
        AddExec(session);
    }

    /// <summary>An exec session that has not ended, or ended a short time ago (<see cref="ExecTable"/>); null otherwise.</summary>
    public ExecSession? FindExec(string id) => execs.Find(id);

    /// <summary>Ends an exec session that the shim could not start.</summary>
    public void EndExec(string id, int code) => execs.End(id, code);

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

    private void AddExec(ExecSession session)
    {
        ownerByExec[session.Id] = this;
        execs.Add(session);
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
