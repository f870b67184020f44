using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Engine.Containers.Health;
using Berth.Engine.Containers.Mounts;
using Berth.Engine.Events;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Runtime.Shims;
using Berth.Storage;
using Berth.Storage.Images;

namespace Berth.Engine.Containers;

/// <summary>The use cases on containers. Every method that takes a reference finds it by name, id or the beginning of an id.</summary>
public sealed partial class ContainerService : IAsyncDisposable
{
    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    private readonly ContainerServices services;
    private readonly ContainerDirectory directory = new();
    private readonly ConcurrentDictionary<string, Container> containerByExec = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource restored = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ContainerLinks links;

    /// <param name="services">What containers need of the world.</param>
    public ContainerService(ContainerServices services)
    {
        this.services = services;
        links = new ContainerLinks(containerByExec, Forget, FindNetwork, FindLinked, LinkedRestarts, FollowLinksAsync, restored.Task);
    }

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
    /// <param name="config">What is asked of it.</param>
    /// <param name="asked">What is asked of networks, that of its mode among them or not.</param>
    /// <param name="name">Null: one of our own choice.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="EngineException">NotFound for the image, Conflict for the name, InvalidArgument for what contradicts itself.</exception>
    public async Task<ContainerInfo> CreateAsync(ContainerConfig config, IReadOnlyList<EndpointConfig> asked, string? name, CancellationToken cancellationToken)
    {
        name = name is null ? null : CheckName(name);
        CheckSharing(config);
        ImageRecord image = services.Images.Resolve(config.Image);
        if (image.IsConfigLost)
        {
            throw new EngineException(ErrorKind.Internal, $"image {config.Image} is damaged: its configuration {image.Id} is lost; pull or load it again (\"berth system fsck\" tells what else is broken)");
        }

        ContainerId id = ContainerId.Create();
        ContainerConfig complete = Complete(config, image.Config.Config, id);
        complete = complete with { Host = Binds.Resolve(complete.Host, services.Options.DataRoot) };
        Check(complete);
        name ??= NameGenerator.Create(directory.IsNameTaken);
        complete = complete with { Host = LegacyLinks.Resolve(complete.Host, name, reference => directory.Find(reference).Record) };
        IReadOnlyList<ContainerEndpoint> endpoints = services.Sandboxes.EndpointsOf(complete.Host, asked);
        complete = LegacyLinks.IsOfUsersNetwork(complete.Host) ? complete with { Host = complete.Host with { Links = null } } : complete;
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
                Endpoints = endpoints,
            };
            var container = new Container(services, record, links);
            Directory.CreateDirectory(container.Folder);
            FailPoint.Reach(FailPoints.CreateFolderMade);
            services.Snapshots.Prepare(id, image.ChainIds);
            FailPoint.Reach(FailPoints.CreateLayerMade);
            await container.CommitNewAsync(cancellationToken);
            FailPoint.Reach(FailPoints.CreateRecorded);
            directory.Add(container);
            isMade = true;
            services.Events.Publish(record, "create");
            FailPoint.Reach(FailPoints.CreateTold);
            return container.Info;
        }
        finally
        {
            if (!isMade)
            {
                directory.ReleaseName(name, id);
                RemoveFolders(id);
            }
        }
    }

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
            directory.Add(new Container(services, record, links));
        }

        RestoreNetworks();
        await Task.WhenAll(directory.All.ToList().Select(container => RestoreOneAsync(container, cancellationToken)));
        LeftoverSweep.Run(services, directory.All.Select(static container => container.Record.Id).ToHashSet());
        await CollectLayersAsync(cancellationToken);
        restored.SetResult();
    }

    /// <summary>Lets go of every container; they run on.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (Container container in directory.All)
        {
            await container.DisposeAsync();
        }
    }

    // Layers that nobody has take room and do no harm.
    private async Task CollectLayersAsync(CancellationToken cancellationToken)
    {
        try
        {
            await services.Images.CollectLayersAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or EngineException or UnauthorizedAccessException)
        {
            EngineLog.LeftoverStays(services.Logger, exception, "layers of images that were removed");
        }
    }

    // What records of running containers say is taken, whoever runs still: the others give it back when they are looked at.
    private void RestoreNetworks()
    {
        services.Networks.DescribeContainer = id => directory.TryFind(id) is { } container ? $"name:\"{container.Record.Name}\" id:\"{container.Record.Id.Short}\"" : $"id:\"{id}\"";
        services.Networks.Restore([.. directory.All.SelectMany(static container => container.RecallNetworks())]);
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
            Env = EnvironmentList.Complete(config.Env, defaults?.Env ?? []),
            Cmd = usesImageEntrypoint && usesImageCommand ? defaults?.Cmd : config.Cmd,
            Entrypoint = clearsEntrypoint ? null : usesImageEntrypoint ? defaults?.Entrypoint : config.Entrypoint,
            WorkingDir = config.WorkingDir.Length > 0 ? config.WorkingDir : defaults?.WorkingDir ?? "",
            Labels = labels,
            StopSignal = config.StopSignal ?? defaults?.StopSignal,
            ExposedPorts = config.ExposedPorts ?? defaults?.ExposedPorts,
            Shell = config.Shell is { Count: > 0 } ? config.Shell : ImageShell.Of(defaults),
            Healthcheck = ImageHealth.Of(defaults) is { } image ? (config.Healthcheck ?? new HealthOptions()).CompletedBy(image) : config.Healthcheck,
        };
    }

    // What belongs to a namespace cannot be asked for where the namespace is somebody else's. As the user gave it: the image and the id add to it later.
    private static void CheckSharing(ContainerConfig config)
    {
        bool isJoined = config.Host.Network == NetworkMode.Container;
        string? conflict = isJoined && config.Hostname.Length > 0 ? "hostname and the network mode"
            : config.Host.HostUts && config.Hostname.Length > 0 ? "hostname and the UTS mode"
            : isJoined && config.Host.Dns is { Count: > 0 } ? "dns and the network mode"
            : isJoined && config.Host.ExtraHosts is { Count: > 0 } ? "custom host-to-IP mapping and the network mode"
            : isJoined && (config.Host.PublishAllPorts || config.Host.PortBindings is { Count: > 0 }) ? "port publishing and the container type network mode"
            : isJoined && config.ExposedPorts is { Count: > 0 } ? "port exposing and the container type network mode"
            : null;
        if (conflict is not null)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "conflicting options: " + conflict);
        }
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

        _ = CapabilitySet.Resolve(config.Host);
        LogAttributes.Check(config);
    }

    private static string JoinedContainer(ContainerHostOptions host) => host.NetworkText["container:".Length..];

    private JoinedNetwork? FindNetwork(ContainerRecord record)
    {
        if (record.Config.Host.Network != NetworkMode.Container)
        {
            return null;
        }

        Container other = directory.Find(JoinedContainer(record.Config.Host));
        int pid = other.Record.State.Pid;
        return other.HasProcess && pid > 0
            ? new JoinedNetwork($"/proc/{pid}/ns/net", other.Folder)
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

    // The name without its slash.
    private static string CheckName(string name)
    {
        return IsName(name)
            ? name.TrimStart('/')
            : throw new EngineException(ErrorKind.InvalidArgument, $"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
    }

    private static bool IsName(string text)
    {
        ReadOnlySpan<char> name = text.StartsWith('/') ? text.AsSpan(1) : text;
        return name.Length >= 2 && char.IsAsciiLetterOrDigit(name[0]) && name.IndexOfAnyExcept(NameCharacters) < 0;
    }
}
