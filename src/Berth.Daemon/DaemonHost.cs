using System.Globalization;
using System.Net;
using Berth.Daemon.Endpoints;
using Berth.Daemon.Http;
using Berth.Daemon.Options;
using Berth.Engine;
using Berth.Engine.Builds;
using Berth.Engine.Containers;
using Berth.Engine.Events;
using Berth.Engine.Images;
using Berth.Engine.Networks;
using Berth.Engine.Upkeep;
using Berth.Network.Dns;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam.Remote;
using Berth.Network.Ports;
using Berth.Engine.Registries;
using Berth.Plugins;
using Berth.Registry;
using Berth.Runtime.Host;
using Berth.Runtime.Shims;
using Berth.Storage;
using Berth.Storage.Content;
using Berth.Storage.Images;
using Berth.Storage.Metadata;
using Berth.Storage.Snapshots;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Berth.Daemon;

/// <summary>The composition root: every long-lived object is made here, top to bottom, and let go of in reverse order.</summary>
internal sealed class DaemonHost : IAsyncDisposable
{
    private const UnixFileMode SocketMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
    private readonly DaemonOptions options;
    private readonly WebApplication application;
    private readonly Stack<IAsyncDisposable> resources;

    private DaemonHost(DaemonOptions options, WebApplication web, Stack<IAsyncDisposable> owned)
    {
        this.options = options;
        application = web;
        resources = owned;
    }

    /// <summary>Opens the roots, restores containers, then listens: the first request finds everything in place.</summary>
    /// <exception cref="Berth.Model.EngineException">What cannot be used, which one, and why.</exception>
    public static async Task<DaemonHost> StartAsync(DaemonOptions options)
    {
        var owned = new Stack<IAsyncDisposable>();
        try
        {
            return await StartAsync(options, owned);
        }
        catch
        {
            await ReleaseAsync(owned);
            throw;
        }
    }

    /// <summary>Completes when the process is asked to end.</summary>
    public Task WaitAsync() => application.WaitForShutdownAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await ReleaseAsync(resources);
        foreach (string host in options.Hosts)
        {
            if (ListenAddress.Parse(host).SocketPath is { } path)
            {
                File.Delete(path);
            }
        }

        if (options.PidFile is { } pidFile)
        {
            File.Delete(pidFile);
        }
    }

    private static async Task<DaemonHost> StartAsync(DaemonOptions options, Stack<IAsyncDisposable> owned)
    {
        var engineOptions = new EngineOptions
        {
            DataRoot = options.DataRoot,
            ExecRoot = options.ExecRoot,
            Init = options.Init,
            RuntimePath = Path.Combine(AppContext.BaseDirectory, "berth-runtime"),
        };
        engineOptions.Validate();
        List<ListenAddress> addresses = [.. options.Hosts.Select(ListenAddress.Parse)];
        WebApplication web = BuildWeb(options, addresses);
        ILogger logger = web.Services.GetRequiredService<ILoggerFactory>().CreateLogger("berthd");

        StorageRoot root = Own(owned, StorageRoot.Open(engineOptions.DataRoot));
        Directory.CreateDirectory(engineOptions.ExecRoot, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        EventHub events = Own(owned, EventHub.Open(root, logger));
        var journal = Journal.Open(root);
        owned.Push(journal);
        var content = ContentStore.Open(root);
        var snapshots = FolderSnapshotter.Open(root, options.StorageDriver);
        owned.Push(snapshots);
        var imageStore = ImageStore.Open(journal, content, snapshots);
        foreach (ImageRecord damaged in imageStore.List().Where(static image => image.IsConfigLost))
        {
            DaemonLog.ConfigLost(logger, damaged.References.Count > 0 ? damaged.References[0].Familiar : damaged.Id.ToString());
        }

        var shims = new ShimLauncher(engineOptions.RuntimePath, new ShimLauncherOptions { ErrorLogFolder = options.Debug ? engineOptions.ExecRoot : null });
        owned.Push(shims);
        HostNetwork kernel = Own(owned, new HostNetwork(options.Kernel with { Report = what => DaemonLog.Network(logger, what) }));
        PluginRegistry plugins = Own(owned, new PluginRegistry(options.Plugins));
        NetworkService networks = Own(owned, new NetworkService(options.Networks, journal, events, kernel, new NetworkPlugins(new RemoteNetworks(plugins), new RemoteIpam(plugins)), logger));
        await networks.LoadAsync();
        DnsServer names = Own(owned, new DnsServer(new DnsServerOptions()));
        var sandboxes = new SandboxService(networks, kernel, new PortReservations(), names, logger);
        var services = new ContainerServices(engineOptions, root, journal, snapshots, imageStore, shims, networks, sandboxes, events, logger);
        var containers = new ContainerService(services);
        owned.Push(containers);
        var images = new ImageService(services, containers);
        RegistryClient registryClient = Own(owned, new RegistryClient(options.Registries));
        RegistryService registryService = Own(owned, new RegistryService(registryClient, imageStore, events, options.Downloads, options.Uploads));
        var registries = new RegistryEndpoints(registryService);
        var files = new ContainerFiles(services, containers);
        var usage = new DiskUsage(services, containers, files);
        StorageUpkeep upkeep = Own(owned, new StorageUpkeep(services, content, snapshots, containers));
        var budget = new StorageBudget(services, containers, images, upkeep, options.StorageBudget);
        owned.Push(budget);
        owned.Push(new DownloadUpkeep(services, upkeep));
        await containers.RestoreAsync(CancellationToken.None);

        var trim = new IdleTrim(UnusedMemory.Return);
        owned.Push(trim);
        web.Use(next => context =>
        {
            trim.Touch();
            return ApiPipeline.InvokeAsync(context, next, logger);
        });
        web.Use(next => context => BudgetGate.InvokeAsync(context, next, budget));
        web.UseRouting();
        new SystemEndpoints(options, containers, images, networks, events, HostFacts.Read(options.DataRoot)).Map(web);
        new ContainerEndpoints(containers, images, usage).Map(web);
        new ContainerControlEndpoints(containers).Map(web);
        new NetworkEndpoints(networks, containers).Map(web);
        new ExecEndpoints(containers).Map(web);
        new StatsEndpoints(containers).Map(web);
        new EventEndpoints(events).Map(web);
        registries.Map(web);
        new ImageEndpoints(images, usage, registries, upkeep).Map(web);
        BuildService builds = Own(owned, new BuildService(services, images, registryService));
        var cache = new BuildCache(services, builds.Caches);
        new BuildEndpoints(builds, cache).Map(web);
        new CommitEndpoints(new ContainerCommit(services, containers, images)).Map(web);
        new ContainerFileEndpoints(files).Map(web);
        new DiskUsageEndpoints(containers, images, usage, cache).Map(web);
        new StorageEndpoints(upkeep, budget).Map(web);
        new ImageBlobEndpoints(new ImageBlobs(imageStore, events)).Map(web);
        new ImageContentEndpoints(new ImageInspection(imageStore, snapshots)).Map(web);
        addresses.ForEach(static address => address.RemoveStale());
        await web.StartAsync();
        owned.Push(web);
        foreach (ListenAddress address in addresses)
        {
            if (address.SocketPath is { } path)
            {
                File.SetUnixFileMode(path, SocketMode);
            }
            else if (!IPAddress.IsLoopback(address.EndPoint!.Address)) // an address is one or the other
            {
                DaemonLog.Unprotected(logger, $"tcp://{address.EndPoint}");
            }
        }

        if (options.PidFile is { } pidFile)
        {
            await File.WriteAllTextAsync(pidFile, Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n");
        }

        DaemonLog.Listening(logger, string.Join(", ", options.Hosts));
        return new DaemonHost(options, web, owned);
    }

    private static WebApplication BuildWeb(DaemonOptions options, List<ListenAddress> addresses)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddProvider(new StderrLoggerProvider(options.Debug ? LogLevel.Debug : LogLevel.Information));
        builder.Logging.AddFilter("Microsoft", options.Debug ? LogLevel.Information : LogLevel.Warning);
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(static host => host.ShutdownTimeout = TimeSpan.FromSeconds(1)); // followers and attachments never end by themselves
        builder.Services.Configure<SocketTransportOptions>(static transport =>
        {
            transport.MaxWriteBufferSize = 512 << 10; // a download is made while what was made before is being sent
            transport.Backlog = 4096; // a client that finds it full gets EAGAIN from a unix socket at once; listen(2) cuts it to net.core.somaxconn
        });
        BlockPool.Use(builder.Services);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MinRequestBodyDataRate = null; // an archive may be as slow as the program that makes it
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxRequestBodySize = null; // JSON bodies have their own limit, archives the disk's
            foreach (ListenAddress address in addresses)
            {
                if (address.SocketPath is { } path)
                {
                    kestrel.ListenUnixSocket(path, static listen => listen.Use(LargeSends.Use).Use(HalfClose.Use));
                }
                else
                {
                    kestrel.Listen(address.EndPoint!, static listen => listen.Use(HalfClose.Use)); // an address is one or the other
                }
            }
        });
        return builder.Build();
    }

    private static T Own<T>(Stack<IAsyncDisposable> owned, T disposable)
        where T : IDisposable
    {
        owned.Push(new Owned(disposable));
        return disposable;
    }

    private static async Task ReleaseAsync(Stack<IAsyncDisposable> owned)
    {
        while (owned.TryPop(out IAsyncDisposable? item))
        {
            await item.DisposeAsync();
        }
    }

    private sealed class Owned(IDisposable inner) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            inner.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
