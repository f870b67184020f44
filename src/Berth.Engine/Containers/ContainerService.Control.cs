using Berth.Engine.Containers.Top;
using Berth.Engine.Events;
using Berth.Engine.Logs;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Shims;
using Berth.Storage.Snapshots;

namespace Berth.Engine.Containers;

/// <summary>What is done to containers that exist.</summary>
public sealed partial class ContainerService
{
    private const int DefaultStopSeconds = 10;
    private const int LongestStopSeconds = 4_000_000; // what a timer can count; longer is for ever

    private static readonly TimeSpan KillPatience = TimeSpan.FromSeconds(10);

    /// <summary>Starts a run.</summary>
    /// <exception cref="EngineException">NotModified when it runs; InvalidArgument or Internal with the reason when it cannot.</exception>
    public Task StartAsync(string reference, CancellationToken cancellationToken) => directory.Find(reference).StartAsync(cancellationToken);

    /// <summary>
    /// Ends a run: the stop signal, then SIGKILL after the timeout in seconds (negative: never). The token ends the wait only: what clients have asked for is to be
    /// carried through whether they wait for it or not.
    /// </summary>
    public Task StopAsync(string reference, int? timeoutSeconds, string? signal, CancellationToken cancellationToken)
    {
        Container container = directory.Find(reference);
        (int number, TimeSpan? timeout) = StopPlan(container.Record.Config, timeoutSeconds, signal);
        return container.StopAsync(number, timeout, cancellationToken);
    }

    /// <summary>Stops as <see cref="StopAsync"/> does and starts; a container that does not run is started.</summary>
    public Task RestartAsync(string reference, int? timeoutSeconds, string? signal, CancellationToken cancellationToken)
    {
        Container container = directory.Find(reference);
        (int number, TimeSpan? timeout) = StopPlan(container.Record.Config, timeoutSeconds, signal);
        return container.RestartAsync(number, timeout, reference, cancellationToken);
    }

    /// <summary>Sends a signal (default SIGKILL) to the first process. After SIGKILL it waits for the end, ten seconds at most.</summary>
    /// <exception cref="EngineException">Conflict when it does not run; InvalidArgument for what is no signal, Internal, as in docker's engine, for a number above 64.</exception>
    public async Task KillAsync(string reference, string? signal, CancellationToken cancellationToken)
    {
        Container container = directory.Find(reference);
        int number = string.IsNullOrEmpty(signal) ? Signals.SIGKILL
            : Signals.TryParseForeign(signal) is { } foreign ? throw new EngineException(ErrorKind.Internal, $"Cannot kill container: {reference}: The linux daemon does not support signal {foreign}")
            : Signals.Parse(signal);
        Task<WaitResult> end = container.WaitAsync(WaitCondition.NotRunning, cancellationToken);
        await container.KillAsync(number, reference, cancellationToken);
        if (number == Signals.SIGKILL)
        {
            await Task.WhenAny(end, Task.Delay(KillPatience, cancellationToken)); // a process in the kernel's hands ends when that lets it
        }
    }

    /// <summary>Lets all processes stand still.</summary>
    /// <exception cref="EngineException">Conflict unless it runs and goes on.</exception>
    public Task PauseAsync(string reference, CancellationToken cancellationToken) => directory.Find(reference).PauseAsync(cancellationToken);

    /// <summary>Lets them go on.</summary>
    /// <exception cref="EngineException">Internal, as in docker's engine, when it is not paused.</exception>
    public Task UnpauseAsync(string reference, CancellationToken cancellationToken) => directory.Find(reference).UnpauseAsync(cancellationToken);

    /// <summary>Gives a container another name.</summary>
    /// <exception cref="EngineException">InvalidArgument for what is no name or its own; Conflict when another container has it.</exception>
    public async Task RenameAsync(string reference, string name, CancellationToken cancellationToken)
    {
        Container container = directory.Find(reference);
        if (name.Length == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "Neither old nor new names may be empty");
        }

        string bare = name.StartsWith('/') ? name[1..] : name;
        if (bare == container.Record.Name)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "Renaming a container with the same name as its current name");
        }

        const string prefix = "Error when allocating new name: ";
        try
        {
            directory.ReserveName(CheckName("/" + bare), container.Record.Id);
        }
        catch (EngineException exception)
        {
            throw new EngineException(exception.Kind, prefix + exception.Message, exception);
        }

        string released = bare;
        try
        {
            string old = await container.RenameAsync(bare, cancellationToken);
            released = old;
        }
        finally
        {
            directory.ReleaseName(released, container.Record.Id);
        }
    }

    /// <summary>Changes how a container relates to the host, at once where it runs.</summary>
    /// <param name="reference">Which.</param>
    /// <param name="change">From the present options to the wanted ones; may refuse.</param>
    /// <param name="cancellationToken">Ends the wait for the turn.</param>
    public Task UpdateAsync(string reference, Func<ContainerRecord, ContainerHostOptions> change, CancellationToken cancellationToken) =>
        directory.Find(reference).UpdateAsync(change, cancellationToken);

    /// <summary>Puts a container into a network.</summary>
    /// <exception cref="EngineException">NotFound; Forbidden or InvalidArgument for what cannot be.</exception>
    public Task ConnectAsync(string reference, EndpointConfig config, CancellationToken cancellationToken) => directory.Find(reference).ConnectAsync(config, cancellationToken);

    /// <summary>Takes a container out of a network.</summary>
    /// <exception cref="EngineException">NotFound; Forbidden when it is not in it.</exception>
    public Task DisconnectAsync(string reference, string network, CancellationToken cancellationToken) => directory.Find(reference).DisconnectAsync(network, cancellationToken);

    /// <summary>Begins a wait; what happens after this call returns is not missed.</summary>
    public Task<WaitResult> WaitAsync(string reference, WaitCondition condition, CancellationToken cancellationToken) =>
        directory.Find(reference).WaitAsync(condition, cancellationToken);

    /// <summary>Removes a container with its layer and log.</summary>
    public Task RemoveAsync(string reference, bool force, CancellationToken cancellationToken) => directory.Find(reference).RemoveAsync(force, cancellationToken);

    /// <summary>Removes every container that is not alive and that <paramref name="isWanted"/> takes. One that cannot be measured or removed is left, and logged.</summary>
    public async Task<PruneResult> PruneAsync(Predicate<ContainerRecord> isWanted, CancellationToken cancellationToken)
    {
        var content = new ContainerContent(services.Snapshots);
        var gone = new List<ContainerId>();
        long bytes = 0;
        foreach (ContainerInfo info in List().Where(info => !info.Record.State.IsAlive && isWanted(info.Record)))
        {
            try
            {
                long size = await Task.Run(() => content.GetSize(info.Record.Id, info.Record.ChainIds, cancellationToken), cancellationToken);
                await RemoveAsync(info.Record.Id.ToString(), force: false, cancellationToken);
                gone.Add(info.Record.Id);
                bytes += size;
            }
            catch (EngineException exception) when (exception.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
            {
                // It was started or removed by somebody else in this moment.
            }
            catch (EngineException exception)
            {
                EngineLog.NotPruned(services.Logger, exception, info.Record.Id.Short);
            }
        }

        services.Events.Publish("container", "prune", "", new Dictionary<string, string> { ["reclaimed"] = bytes.ToString(System.Globalization.CultureInfo.InvariantCulture) });
        return new PruneResult(gone, bytes);
    }

    /// <summary>The container's processes, as the host's ps(1) would show them with these arguments.</summary>
    /// <exception cref="EngineException">Conflict when it does not run; NotImplemented for arguments that are not built.</exception>
    public ProcessTable Top(string reference, string arguments)
    {
        Container container = directory.Find(reference);
        Lifecycle.CheckProcess(container.Record);
        ProcessTable table = ProcessTable.Make(ContainerCgroup.Open(SpecBuilder.CgroupPath(container.Record.Id)).Members(recursive: true), arguments);
        services.Events.Publish(container.Record, "top");
        return table;
    }

    /// <summary>Sets the terminal's size.</summary>
    public async Task ResizeAsync(string reference, int rows, int columns, CancellationToken cancellationToken)
    {
        Container container = directory.Find(reference);
        await container.CallShimAsync(shim => shim.ResizeAsync(null, rows, columns, cancellationToken));
        services.Events.Publish(container.Record, "resize",
            ("height", rows.ToString(System.Globalization.CultureInfo.InvariantCulture)), ("width", columns.ToString(System.Globalization.CultureInfo.InvariantCulture)));
    }

    /// <summary>Attaches a client; see <see cref="AttachSession"/>.</summary>
    public async Task<AttachSession> AttachAsync(string reference, AttachStreams streams, CancellationToken cancellationToken)
    {
        Container container = directory.Find(reference);
        AttachSession session = await container.AttachAsync(reference, streams, cancellationToken);
        services.Events.Publish(container.Record, "attach");
        return session;
    }

    /// <summary>Ends an attachment, connected or not; a client that goes away before the container starts leaves nothing of it. Idempotent.</summary>
    public ValueTask DetachAsync(string reference, AttachSession session) =>
        directory.All.FirstOrDefault(container => container.Record.Id.ToString() == reference) is { } container ? container.DetachAsync(session) : session.EndAsync();

    /// <summary>Tells that something was done with a container that changes nothing of it, such as <c>export</c> or <c>detach</c>.</summary>
    public void Tell(ContainerRecord record, string action, params ReadOnlySpan<(string Name, string Value)> more) => services.Events.Publish(record, action, more);

    /// <summary>Opens the container's log for reading.</summary>
    /// <exception cref="EngineException">InvalidArgument for a log driver that cannot be read.</exception>
    public LogReader OpenLog(string reference)
    {
        Container container = directory.Find(reference);
        return container.LogPath.Length > 0
            ? new LogReader(container)
            : throw new EngineException(ErrorKind.InvalidArgument, "configured logging driver does not support reading");
    }

    private static (int Signal, TimeSpan? Timeout) StopPlan(ContainerConfig config, int? timeoutSeconds, string? signal)
    {
        int seconds = timeoutSeconds ?? config.StopTimeout ?? DefaultStopSeconds;
        string name = string.IsNullOrEmpty(signal) ? config.StopSignal ?? "" : signal;
        return (name.Length == 0 ? Signals.SIGTERM : Signals.Parse(name), seconds is < 0 or > LongestStopSeconds ? null : TimeSpan.FromSeconds(seconds));
    }

    // What was removed is no link any more, as in docker.
    private List<LinkedContainer> FindLinked(ContainerRecord record, bool isStart)
    {
        var linked = new List<LinkedContainer>();
        foreach (LinkTarget target in record.Endpoints.Any(static endpoint => endpoint.NetworkName == NetworkService.DefaultName) ? record.Config.Host.LinkTargets ?? [] : [])
        {
            if (directory.TryFind(target.Id) is not { } other)
            {
                continue;
            }

            ContainerRecord there = other.Record;
            EndpointState? endpoint = there.Endpoints.FirstOrDefault(static endpoint => endpoint.NetworkName == NetworkService.DefaultName)?.State;
            if (other.HasProcess && endpoint is not null)
            {
                linked.Add(new LinkedContainer(target.Alias, there, endpoint));
            }
            else if (isStart)
            {
                throw new EngineException(ErrorKind.Internal, other.HasProcess
                    ? $"Cannot link to /{there.Name}, as it does not belong to the default network"
                    : $"Cannot link to a non running container: /{there.Name} AS /{record.Name}/{target.Alias}");
            }
        }

        return linked;
    }

    private Task LinkedRestarts(ContainerRecord record) =>
        Task.WhenAll((record.Config.Host.LinkTargets ?? []).Select(target => directory.TryFind(target.Id)?.FirstRestart ?? Task.CompletedTask));

    private async Task FollowLinksAsync(ContainerRecord started)
    {
        string id = started.Id.ToString();
        foreach (Container other in directory.All.Where(other => other.HasProcess && other.Record.Config.Host.LinkTargets is { } targets && targets.Any(target => target.Id == id)))
        {
            await other.FollowLinksAsync();
        }
    }
}

/// <summary>What a prune did.</summary>
/// <param name="Removed">What is gone.</param>
/// <param name="ReclaimedBytes">What that had taken of the disk.</param>
public sealed record PruneResult(IReadOnlyList<ContainerId> Removed, long ReclaimedBytes);
