using System.Runtime.InteropServices;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Daemon.Options;
using Berth.Engine.Containers;
using Berth.Engine.Events;
using Berth.Engine.Images;
using Berth.Engine.Networks;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/_ping</c>, <c>/version</c>, <c>/info</c>.</summary>
internal sealed class SystemEndpoints(DaemonOptions options, ContainerService containers, ImageService images, NetworkService networks, EventHub events, HostFacts host)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapMethods("/_ping", ["GET", "HEAD"], (RequestDelegate)PingAsync);
        routes.MapGet("/version", (RequestDelegate)VersionAsync);
        routes.MapGet("/info", (RequestDelegate)InfoAsync);
    }

    private static Task PingAsync(HttpContext context)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers["Builder-Version"] = "1";
        headers["Swarm"] = "inactive";
        headers.CacheControl = "no-cache, no-store, must-revalidate";
        headers.Pragma = "no-cache";
        context.Response.ContentType = "text/plain; charset=utf-8";
        if (HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.ContentLength = 0;
            return Task.CompletedTask;
        }

        context.Response.ContentLength = 2;
        return context.Response.WriteAsync("OK", context.RequestAborted);
    }

    private Task VersionAsync(HttpContext context) => JsonBody.WriteAsync(
        context,
        new VersionResponse
        {
            Platform = new VersionPlatform { Name = "Berth" },
            Components =
            [
                new VersionComponent
                {
                    Name = "Engine",
                    Version = ProductVersion.Text,
                    Details = new Dictionary<string, string>
                    {
                        ["ApiVersion"] = ApiVersion.Current.ToString(),
                        ["Arch"] = Platform.Host.Architecture,
                        ["BuildTime"] = "",
                        ["Experimental"] = "false",
                        ["GitCommit"] = "",
                        ["GoVersion"] = "",
                        ["KernelVersion"] = host.KernelVersion,
                        ["MinAPIVersion"] = ApiVersion.Oldest.ToString(),
                        ["Os"] = "linux",
                    },
                },
            ],
            Version = ProductVersion.Text,
            ApiVersion = ApiVersion.Current.ToString(),
            MinAPIVersion = ApiVersion.Oldest.ToString(),
            Os = "linux",
            Arch = Platform.Host.Architecture,
            KernelVersion = host.KernelVersion,
        },
        ApiJson.Context.VersionResponse);

    private Task InfoAsync(HttpContext context)
    {
        IReadOnlyList<ContainerInfo> all = containers.List();
        int running = all.Count(static info => info.Record.State.IsAlive && info.Record.State.Status != ContainerStatus.Paused);
        int paused = all.Count(static info => info.Record.State.Status == ContainerStatus.Paused);
        bool isForwarding = HostFacts.IsForwarding;
        return JsonBody.WriteAsync(
            context,
            new SystemInfo
            {
                ID = host.Id,
                Containers = all.Count,
                ContainersRunning = running,
                ContainersPaused = paused,
                ContainersStopped = all.Count - running - paused,
                Images = images.List().Count,
                Driver = containers.StorageDriver,
                DriverStatus = [],
                Plugins = new PluginsInfo { Volume = [], Network = [.. networks.Drivers], Log = ["json-file", "none"] },
                IPv4Forwarding = isForwarding,
                Warnings = isForwarding ? null : ["WARNING: IPv4 forwarding is disabled"],
                PidsLimit = true,
                MemoryLimit = true,
                CpuCfsPeriod = true,
                CpuCfsQuota = true,
                CPUShares = true,
                CPUSet = true,
                NEventsListener = events.ListenerCount,
                InitBinary = "docker-init",
                Debug = options.Debug,
                NFd = Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(),
                NGoroutines = ThreadPool.ThreadCount,
                SystemTime = WireTime.Format(DateTimeOffset.UtcNow),
                LoggingDriver = "json-file",
                CgroupDriver = "cgroupfs",
                CgroupVersion = host.CgroupVersion,
                KernelVersion = host.KernelVersion,
                OperatingSystem = host.OperatingSystem,
                OSVersion = host.OsVersion,
                OSType = "linux",
                Architecture = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? "x86_64" : "aarch64",
                NCPU = Environment.ProcessorCount,
                MemTotal = host.MemoryBytes,
                DockerRootDir = options.DataRoot,
                Name = Environment.MachineName,
                ServerVersion = ProductVersion.Text,
                Runtimes = new Dictionary<string, RuntimeInfo> { ["berth-runtime"] = new() { Path = "berth-runtime" } },
                DefaultRuntime = "berth-runtime",
                DefaultAddressPools = options.AddressPools.Count == 0 ? null : [.. options.AddressPools.Select(static pool => new AddressPoolInfo { Base = pool.Base.ToString(), Size = pool.Size })],
                IndexServerAddress = "https://index.docker.io/v1/",
                RegistryConfig = SystemMapping.ToRegistryConfig(options),
                HttpProxy = SystemMapping.ToText(options.Registries.Proxy?.Http),
                HttpsProxy = SystemMapping.ToText(options.Registries.Proxy?.Https),
                NoProxy = string.Join(',', options.Registries.Proxy?.Bypass ?? []),
                SecurityOptions = ["name=seccomp,profile=builtin", "name=cgroupns"],
            },
            ApiJson.Context.SystemInfo);
    }
}
