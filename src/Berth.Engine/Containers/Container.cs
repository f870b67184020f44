using System.Text.Json;
using Berth.Engine.Containers.Health;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Runtime.Host;
using Berth.Runtime.Shims;
using Berth.Storage.Metadata;

namespace Berth.Engine.Containers;

/// <summary>
/// The one owner of a container's state. Changes are serial (<see cref="gate"/>), follow <see cref="Lifecycle"/>, are durable before they are visible, and
/// seen from outside as immutable records.
/// </summary>
internal sealed partial class Container : IAsyncDisposable
{
    public const string Bucket = "containers";
    private const int ExitWithoutStatus = 255;
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(2);

    private readonly ContainerServices services;
    private readonly ContainerLinks links;
    private readonly SemaphoreSlim gate = new(1, 1);
    private readonly Lock sync = new();
    private readonly List<AttachSession> pending = [];
    private readonly ExecTable execs;
    private readonly TaskCompletionSource<WaitResult> removed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<WaitResult> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ContainerRecord record;
    private volatile Shim? shim;
    private volatile bool isDisposed;
    private ContainerSandbox? sandbox; // under the gate
    private Task watch = Task.CompletedTask;

    /// <param name="services">What the container needs of the world.</param>
    /// <param name="record">Its state as it stands in the journal.</param>
    /// <param name="links">What it needs of the service that owns it.</param>
    public Container(ContainerServices services, ContainerRecord record, ContainerLinks links)
    {
        this.services = services;
        this.record = record;
        this.links = links;
        fileUses = new FileUses(services.Clock);
        execs = new ExecTable(services.Clock, session => links.OwnerByExec.TryRemove(session.Id, out _), TellExecEnded);
    }

    public ContainerRecord Record => record;

    public string Folder => services.Root.ContainerFolder(record.Id);

    public string LogPath => record.Config.Host.Log.Driver == "json-file" ? Path.Combine(Folder, $"{record.Id}-json.log") : "";

    /// <summary>Whether it has a process.</summary>
    public bool HasProcess => Lifecycle.HasProcess(record.State);

    public ContainerInfo Info => new(record, execs.Unended, Folder, LogPath) { Health = healthReport };

    /// <summary>The present shim; only while the container has a process.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/> when it has none.</exception>
    public Shim RunningShim
    {
        get
        {
            ContainerRecord present = record;
            Lifecycle.CheckProcess(present);
            return shim ?? throw Lifecycle.NotRunning(present);
        }
    }

    private string ExitFile => Path.Combine(Folder, "exit");

    /// <summary>Makes the record durable for the first time.</summary>
    public ValueTask CommitNewAsync(CancellationToken cancellationToken) => CommitAsync(record, cancellationToken);

    /// <summary>Registers an attachment; it is connected at once when the container runs. One that has ended but is not known to have is first let come to its end.</summary>
    public async Task<AttachSession> AttachAsync(string reference, AttachStreams streams, CancellationToken cancellationToken)
    {
        Task? before = null;
        while (true)
        {
            var session = new AttachSession(streams);
            Task? ending = await AttachAsync(session, reference, cancellationToken);
            if (ending is null)
            {
                return session;
            }

            if (isDisposed || ending == before)
            {
                throw Lifecycle.NotRunning(record);
            }

            before = ending;

            try
            {
                await ending.WaitAsync(EndPatience, services.Clock, cancellationToken);
            }
            catch (TimeoutException)
            {
                throw Lifecycle.NotRunning(record);
            }
        }
    }

    // Null when it is done, else what waits for the end of the container.
    private async Task<Task?> AttachAsync(AttachSession session, string reference, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            Lifecycle.CheckAttach(record, reference);
            if (HasProcess && shim is { } running)
            {
                await session.ConnectAsync(running, cancellationToken);
            }
            else
            {
                lock (sync)
                {
                    pending.Add(session);
                }
            }

            return null;
        }
        catch (ShimException exception) when (exception.Failure is ShimFailure.ConnectionLost or ShimFailure.WrongState)
        {
            return watch; // it ended between the check and the attachment
        }
        finally
        {
            gate.Release();
        }
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
                WaitCondition.NotRunning when !record.State.IsAlive => Task.FromResult(LastResult()),
                _ => ended.Task,
            };
            return task.WaitAsync(cancellationToken);
        }
    }

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
            throw Lifecycle.NotRunning(record);
        }
        catch (ShimException exception) when (exception.Failure == ShimFailure.WrongState)
        {
            throw new EngineException(ErrorKind.Conflict, exception.Message, exception); // it ended in this moment
        }
        catch (ShimException exception)
        {
            throw Translate(exception, "");
        }
    }

    /// <summary>Lets go of the container without touching it: the shim goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        isDisposed = true;
        restartDelay?.Cancel();
        if (!closing.IsCancellationRequested)
        {
            await closing.CancelAsync();
        }

        await StopHealthAsync();
        foreach (AttachSession session in TakePending())
        {
            session.Cancel();
        }

        if (shim is { } running)
        {
            await running.DisposeAsync();
        }

        await watch.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (sandbox is { } open)
        {
            await SandboxService.ForgetAsync(open);
        }

        await restart.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        closing.Dispose();
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
        Show(next);
    }

    // Makes a record visible.
    private void Show(ContainerRecord next)
    {
        lock (sync)
        {
            record = next;
        }
    }

    private static JournalChange Change(ContainerRecord next) =>
        new(Bucket, next.Id.ToString(), JsonSerializer.SerializeToUtf8Bytes(next, EngineJsonContext.Default.ContainerRecord));

    // To clients an error means that there was no run at all: docker run ends with 125 then, whatever the exit code.
    private WaitResult LastResult() => new(record.State.ExitCode, record.State.HasStartFailed ? record.State.Error : "");

    private void ThrowIfGone()
    {
        if (removed.Task.IsCompleted)
        {
            throw new EngineException(ErrorKind.NotFound, $"No such container: {record.Id}");
        }
    }

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
