using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Engine.Logs;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Runtime.Host;
using Berth.Runtime.Shims;
using Berth.Storage.Images;

namespace Berth.Engine.Containers;

/// <summary>The use cases on containers. Every method that takes a reference finds it by name, id or the beginning of an id.</summary>
public sealed class ContainerService : IAsyncDisposable
{
    private const int DefaultStopSeconds = 10;
    private const int LongestStopSeconds = 4_000_000; // what a timer can count; longer is for ever
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    private readonly ContainerServices services;
    private readonly ContainerDirectory directory = new();
    private readonly ConcurrentDictionary<string, Container> containerByExec = new(StringComparer.Ordinal);

    /// <param name="services">What containers need of the world.</param>
    public ContainerService(ContainerServices services) => this.services = services;

    /// <summary>What clients know the storage of layers as.</summary>
    public string StorageDriver => services.Snapshots.DriverName;

    /// <summary>Every container as it is at this moment, newest first.</summary>
    public IReadOnlyList<ContainerInfo> List() => [.. directory.All.Select(static container => container.Info).OrderByDescending(static info => info.Record.Created)];

    /// <summary>The one owner of a container's state.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    internal Container Find(string reference) => directory.Find(reference);

    /// <summary>One container as it is at this moment.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public ContainerInfo Inspect(string reference) => directory.Find(reference).Info;

    /// <summary>
    /// Makes a container: durable and visible when this returns, or nothing is left. <paramref name="config"/> is completed from the image.
    /// </summary>
    /// <exception cref="EngineException">NotFound for the image, Conflict for the name, InvalidArgument for what contradicts itself.</exception>
    public async Task<ContainerInfo> CreateAsync(ContainerConfig config, string? name, CancellationToken cancellationToken)
    {
        if (name is not null && !IsName(name))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        }

        name = name?.TrimStart('/');
        ImageRecord image = services.Images.Resolve(config.Image);
        ContainerId id = ContainerId.Create();
        ContainerConfig complete = Complete(config, image.Config.Config, id);
        Check(complete);
        name ??= NameGenerator.Create(directory.IsNameTaken);
        directory.ReserveName(name, id);
        bool isMade = false;
        try
        {
            var record = new ContainerRecord
            {
                Id = id,
                Name = name,
                Created = DateTimeOffset.UtcNow,
                ImageId = image.Id,
                ChainIds = image.ChainIds,
                Config = complete,
            };
            var container = new Container(services, record, containerByExec, Forget);
            Directory.CreateDirectory(container.Folder);
            services.Snapshots.Prepare(id, image.ChainIds);
            await container.CommitNewAsync(cancellationToken);
            directory.Add(container);
            isMade = true;
            return container.Info;
        }
        finally
        {
            if (!isMade)
            {
                directory.ReleaseName(name);
                RemoveFolders(id);
            }
        }
    }

    /// <summary>Starts a run.</summary>
    /// <exception cref="EngineException">NotModified when it runs; InvalidArgument or Internal with the reason when it cannot.</exception>
    public Task StartAsync(string reference, CancellationToken cancellationToken)
    {
        Container container = directory.Find(reference);
        return container.StartAsync(() => NetworkPath(container.Record), cancellationToken);
    }

    /// <summary>Ends a run: the stop signal, then SIGKILL after the timeout in seconds (negative: never).</summary>
    public Task StopAsync(string reference, int? timeoutSeconds, string? signal, CancellationToken cancellationToken)
    {
        Container container = directory.Find(reference);
        ContainerConfig config = container.Record.Config;
        int seconds = timeoutSeconds ?? config.StopTimeout ?? DefaultStopSeconds;
        string name = string.IsNullOrEmpty(signal) ? config.StopSignal ?? "" : signal;
        return container.StopAsync(name.Length == 0 ? Signals.SIGTERM : Signals.Parse(name), seconds is < 0 or > LongestStopSeconds ? null : TimeSpan.FromSeconds(seconds), cancellationToken);
    }

    /// <summary>Sends a signal (default SIGKILL) to the first process.</summary>
    public Task KillAsync(string reference, string? signal, CancellationToken cancellationToken)
    {
        int number = string.IsNullOrEmpty(signal) ? Signals.SIGKILL : Signals.Parse(signal);
        return directory.Find(reference).KillAsync(number, cancellationToken);
    }

    /// <summary>Begins a wait; what happens after this call returns is not missed.</summary>
    public Task<WaitResult> WaitAsync(string reference, WaitCondition condition, CancellationToken cancellationToken) =>
        directory.Find(reference).WaitAsync(condition, cancellationToken);

    /// <summary>Removes a container with its layer and log.</summary>
    public Task RemoveAsync(string reference, bool force, CancellationToken cancellationToken) => directory.Find(reference).RemoveAsync(force, cancellationToken);

    /// <summary>Sets the terminal's size.</summary>
    public Task ResizeAsync(string reference, int rows, int columns, CancellationToken cancellationToken) =>
        directory.Find(reference).CallShimAsync(shim => shim.ResizeAsync(null, rows, columns, cancellationToken));

    /// <summary>Attaches a client; see <see cref="AttachSession"/>.</summary>
    public Task<AttachSession> AttachAsync(string reference, AttachStreams streams, CancellationToken cancellationToken) =>
        directory.Find(reference).AttachAsync(streams, cancellationToken);

    /// <summary>Ends an attachment, connected or not; a client that goes away before the container starts leaves nothing of it. Idempotent.</summary>
    public ValueTask DetachAsync(string reference, AttachSession session) =>
        directory.All.FirstOrDefault(container => container.Record.Id.ToString() == reference) is { } container ? container.DetachAsync(session) : session.EndAsync();

    /// <summary>Opens the container's log for reading.</summary>
    /// <exception cref="EngineException">InvalidArgument for a log driver that cannot be read.</exception>
    public LogReader OpenLog(string reference)
    {
        Container container = directory.Find(reference);
        return container.LogPath.Length > 0
            ? new LogReader(container)
            : throw new EngineException(ErrorKind.InvalidArgument, "configured logging driver does not support reading");
    }

    /// <summary>Adds an exec session to a running container; it waits for <see cref="StartExecAsync"/>.</summary>
    public async Task<ExecSession> CreateExecAsync(string reference, ExecRequest request, CancellationToken cancellationToken)
    {
        if (request.Command.Count == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "No exec command specified");
        }

        Container container = directory.Find(reference);
        var session = new ExecSession(ContainerId.Create().ToString(), container.Record.Id, request);
        await container.CreateExecAsync(session, request.ToConfig(container.Record.Config), cancellationToken);
        return session;
    }

    /// <summary>An exec session until it has ended, and for five minutes more while its container exists.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public ExecSession FindExec(string execId) => OwnerOf(execId).FindExec(execId) ?? throw NoExec(execId);

    /// <summary>Tells whether an exec session may be started, without starting it.</summary>
    /// <exception cref="EngineException">NotFound; Conflict when it was started before or its container does not run.</exception>
    public void CheckExecStart(string execId)
    {
        if (FindExec(execId).IsStarted)
        {
            throw HasRun(execId);
        }

        _ = OwnerOf(execId).RunningShim;
    }

    /// <summary>Starts an exec session; with <paramref name="streams"/> its output is attached before its first byte.</summary>
    /// <exception cref="EngineException">Conflict when it was started before; InvalidArgument with the reason when the command cannot run.</exception>
    public async Task<ShimStream?> StartExecAsync(string execId, AttachStreams? streams, CancellationToken cancellationToken)
    {
        CheckExecStart(execId);
        Container owner = OwnerOf(execId);
        ExecSession session = FindExec(execId);
        if (!session.TryBegin())
        {
            throw HasRun(execId);
        }

        ShimStream? stream = null;
        try
        {
            await owner.CallShimAsync(async shim =>
            {
                if (streams is { } wanted)
                {
                    stream = await shim.AttachAsync(execId, wanted, cancellationToken);
                }

                session.Pid = (await shim.StartExecAsync(execId, cancellationToken)).Pid;
            });
            return stream;
        }
        catch (EngineException exception)
        {
            owner.EndExec(execId, exception.InnerException is ShimException { StartFailure: StartFailure.CommandNotFound } ? 127 : 126);
            if (stream is not null)
            {
                await stream.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Sets the size of an exec session's terminal.</summary>
    public Task ResizeExecAsync(string execId, int rows, int columns, CancellationToken cancellationToken) =>
        OwnerOf(execId).CallShimAsync(shim => shim.ResizeAsync(execId, rows, columns, cancellationToken));

    /// <summary>Ids and states of the containers that were made from an image.</summary>
    public IReadOnlyList<ContainerInfo> UsersOf(Digest imageId) => [.. List().Where(info => info.Record.ImageId == imageId)];

    /// <summary>
    /// Brings every container in line with what is really there, and removes what interrupted operations left behind. Called once, before
    /// the first request.
    /// </summary>
    public async Task RestoreAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(services.Options.BundlesFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(services.Options.ShimsFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (byte[] json in services.Journal.Read(Container.Bucket).Values)
        {
            ContainerRecord record = JsonSerializer.Deserialize(json, EngineJsonContext.Default.ContainerRecord)
                ?? throw new EngineException(ErrorKind.Internal, "the journal holds a container record that is null");
            directory.ReserveName(record.Name, record.Id);
            directory.Add(new Container(services, record, containerByExec, Forget));
        }

        await Task.WhenAll(directory.All.ToList().Select(container => RestoreOneAsync(container, cancellationToken)));
        LeftoverSweep.Run(services, directory.All.Select(static container => container.Record.Id).ToHashSet());
        await services.Images.CollectLayersAsync(cancellationToken);
    }

    /// <summary>Lets go of every container; they run on.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (Container container in directory.All)
        {
            await container.DisposeAsync();
        }
    }

    private async Task RestoreOneAsync(Container container, CancellationToken cancellationToken)
    {
        try
        {
            await container.RestoreAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or EngineException or ShimException)
        {
            EngineLog.RestoreFailed(services.Logger, exception, container.Record.Id.Short);
        }
    }

    private static ContainerConfig Complete(ContainerConfig config, ImageRunConfig? defaults, ContainerId id)
    {
        // As in docker, an entrypoint of the user's own takes the image's command away.
        bool usesImageEntrypoint = config.Entrypoint is null || config.Entrypoint.Count == 0;
        bool usesImageCommand = config.Cmd is null || config.Cmd.Count == 0;
        bool clearsEntrypoint = config.Entrypoint is [""];
        var labels = new Dictionary<string, string>(defaults?.Labels ?? [], StringComparer.Ordinal);
        foreach ((string key, string value) in config.Labels)
        {
            labels[key] = value;
        }

        return config with
        {
            Hostname = config.Hostname.Length > 0 ? config.Hostname : config.Host.Network == NetworkMode.Host || config.Host.HostUts ? System.Environment.MachineName : id.Short,
            User = config.User.Length > 0 ? config.User : defaults?.User ?? "",
            Env = EnvironmentList.Merge(defaults?.Env ?? [], config.Env),
            Cmd = usesImageEntrypoint && usesImageCommand ? defaults?.Cmd : config.Cmd,
            Entrypoint = clearsEntrypoint ? null : usesImageEntrypoint ? defaults?.Entrypoint : config.Entrypoint,
            WorkingDir = config.WorkingDir.Length > 0 ? config.WorkingDir : defaults?.WorkingDir ?? "",
            Labels = labels,
            StopSignal = config.StopSignal ?? defaults?.StopSignal,
            ExposedPorts = config.ExposedPorts ?? defaults?.ExposedPorts,
        };
    }

    private void Check(ContainerConfig config)
    {
        if (config.CommandLine.Count == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "no command specified");
        }

        if (config.WorkingDir.Length > 0 && !config.WorkingDir.StartsWith('/'))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the working directory '{config.WorkingDir}' is invalid, it needs to be an absolute path");
        }

        if (!string.IsNullOrEmpty(config.StopSignal))
        {
            _ = Signals.Parse(config.StopSignal);
        }

        if (config.Host.Network == NetworkMode.Container)
        {
            _ = directory.Find(JoinedContainer(config.Host));
        }

        _ = CapabilitySet.Resolve(config.Host);
    }

    private static string JoinedContainer(ContainerHostOptions host) => host.NetworkText["container:".Length..];

    private string? NetworkPath(ContainerRecord record)
    {
        if (record.Config.Host.Network != NetworkMode.Container)
        {
            return null;
        }

        Container other = directory.Find(JoinedContainer(record.Config.Host));
        int pid = other.Record.State.Pid;
        return other.IsRunning && pid > 0
            ? $"/proc/{pid}/ns/net"
            : throw new EngineException(ErrorKind.Conflict, $"cannot join network of a non running container: {other.Record.Id}");
    }

    private void Forget(Container container) => directory.Remove(container);

    private void RemoveFolders(ContainerId id)
    {
        services.Snapshots.Remove(id);
        string folder = services.Root.ContainerFolder(id);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private Container OwnerOf(string execId) => containerByExec.TryGetValue(execId, out Container? owner) ? owner : throw NoExec(execId);

    private static EngineException HasRun(string execId) => new(ErrorKind.Conflict, $"Error: Exec command {execId} has already run");

    private static EngineException NoExec(string execId) => new(ErrorKind.NotFound, $"No such exec instance: {execId}");

    private static bool IsName(string text)
    {
        ReadOnlySpan<char> name = text.StartsWith('/') ? text.AsSpan(1) : text;
        return name.Length >= 2 && char.IsAsciiLetterOrDigit(name[0]) && name.IndexOfAnyExcept(NameCharacters) < 0;
    }
}
