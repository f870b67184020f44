using System.Globalization;
using System.Text.Json;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Network.Files;
using Berth.Network.Ipam;
using Wire = Berth.Api;

namespace Berth.Daemon.Mapping;

/// <summary>From a create request to what the engine is asked for.</summary>
internal static class CreateMapping
{
    private static readonly HashSet<string> BuiltConfig = new(StringComparer.OrdinalIgnoreCase)
    {
        "Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "ExposedPorts", "Tty", "OpenStdin", "StdinOnce", "Env", "Cmd",
        "Healthcheck", "Shell", "ArgsEscaped", "Image", "WorkingDir", "Entrypoint", "OnBuild", "Labels", "StopSignal", "StopTimeout", "HostConfig", "NetworkingConfig", "MacAddress",
    };

    private static readonly HashSet<string> BuiltHost = new(StringComparer.OrdinalIgnoreCase)
    {
        "Binds", "Mounts", "ContainerIDFile", "LogConfig", "NetworkMode", "RestartPolicy", "AutoRemove", "ConsoleSize", "CapAdd", "CapDrop", "CgroupnsMode", "GroupAdd", "IpcMode", "Links",
        "PortBindings", "PublishAllPorts", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts",
        "Init", "OomScoreAdj", "PidMode", "Privileged", "ReadonlyRootfs", "SecurityOpt", "Tmpfs", "UTSMode", "ShmSize", "Runtime", "Isolation",
        "MemorySwappiness", "PidsLimit", "Ulimits", "MaskedPaths", "ReadonlyPaths",
        "Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuShares", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems",
    };

    private static readonly HashSet<string> Ulimits = new(StringComparer.Ordinal)
    {
        "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
    };

    /// <summary>Checks <paramref name="body"/> for what is not built and maps the rest.</summary>
    /// <param name="request">The request.</param>
    /// <param name="body">The same as it came.</param>
    /// <param name="version">The API version that the client speaks.</param>
    /// <exception cref="EngineException">NotImplemented or InvalidArgument naming the member.</exception>
    public static Engine.Containers.ContainerConfig Map(ContainerCreateRequest request, JsonElement body, ApiVersion version)
    {
        UnbuiltOptions.Refuse(body, BuiltConfig, "");
        foreach (JsonProperty property in body.EnumerateObject().Where(static property => property.Value.ValueKind == JsonValueKind.Object))
        {
            if (property.Name.Equals("HostConfig", StringComparison.OrdinalIgnoreCase))
            {
                UnbuiltOptions.Refuse(property.Value, BuiltHost, "HostConfig.");
            }
            else if (property.Name.Equals("NetworkingConfig", StringComparison.OrdinalIgnoreCase))
            {
                NetworkMapping.RefuseUnbuilt(property.Value);
            }
        }

        if (request.Hostname.Length > 0 && request.HostConfig?.UtsMode == "host")
        {
            throw new EngineException(ErrorKind.InvalidArgument, "conflicting options: hostname and the UTS mode");
        }

        if (request.Image.Length == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "Image: no image was named");
        }

        return new Engine.Containers.ContainerConfig
        {
            Image = request.Image,
            Hostname = request.Hostname,
            Domainname = request.Domainname,
            User = request.User,
            AttachStdin = request.AttachStdin,
            AttachStdout = request.AttachStdout,
            AttachStderr = request.AttachStderr,
            Tty = request.Tty,
            OpenStdin = request.OpenStdin,
            StdinOnce = request.StdinOnce,
            Env = CheckEnv(request.Env),
            Cmd = request.Cmd,
            Entrypoint = request.Entrypoint,
            WorkingDir = request.WorkingDir,
            Labels = request.Labels ?? [],
            StopSignal = request.StopSignal,
            StopTimeout = request.StopTimeout,
            Healthcheck = HostMapping.MapHealth(request.Healthcheck),
            Shell = request.Shell,
            OnBuild = request.OnBuild,
            ArgsEscaped = request.ArgsEscaped,
            ExposedPorts = request.ExposedPorts?.ToDictionary(static port => port.Key, static _ => EmptyObjectJson, StringComparer.Ordinal),
            Host = MountMapping.Map(MapHost(request.HostConfig ?? new HostConfig()), request.HostConfig ?? new HostConfig(), version),
        };
    }

    private static JsonElement EmptyObjectJson { get; } = JsonDocument.Parse("{}").RootElement;

    /// <summary>Refuses entries that are no variables.</summary>
    /// <exception cref="EngineException">InvalidArgument naming the entry.</exception>
    public static List<string> CheckEnv(List<string>? env)
    {
        foreach (string entry in env ?? [])
        {
            if (string.IsNullOrEmpty(entry) || entry[0] == '=' || entry.Contains('\0', StringComparison.Ordinal))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid environment variable: {entry}");
            }
        }

        return env ?? [];
    }

    /// <summary>How a container, or the steps of a build, relate to the host.</summary>
    /// <exception cref="EngineException">NotImplemented or InvalidArgument naming the member.</exception>
    public static ContainerHostOptions MapHost(HostConfig host)
    {
        RestartPolicyOption policy = HostMapping.MapRestartPolicy(host.RestartPolicy);
        if (host.AutoRemove && !policy.IsNone)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "can't create 'AutoRemove' container with restart policy");
        }

        RefuseValue("HostConfig.CgroupnsMode", host.CgroupnsMode, "", "private");
        RefuseValue("HostConfig.IpcMode", host.IpcMode, "", "private", "host");
        RefuseValue("HostConfig.PidMode", host.PidMode, "", "private", "host");
        RefuseValue("HostConfig.UTSMode", host.UtsMode, "", "private", "host");
        RefuseValue("HostConfig.Isolation", host.Isolation, "", "default");
        RefuseValue("HostConfig.Runtime", host.Runtime ?? "", "", "berth-runtime");
        if (host.MemorySwappiness is { } swappiness && swappiness != -1)
        {
            throw UnbuiltOptions.Value("HostConfig.MemorySwappiness", swappiness.ToString(CultureInfo.InvariantCulture));
        }

        NetworkMode network = MapNetwork(host.NetworkMode);
        return new ContainerHostOptions
        {
            Network = network,
            NetworkText = host.NetworkMode.Length == 0 ? "default" : host.NetworkMode,
            Links = CheckLinks(host.Links, network),
            PortBindings = NetworkMapping.MapPorts(host.PortBindings),
            PublishAllPorts = host.PublishAllPorts,
            Dns = CheckServers(host.Dns),
            DnsSearch = host.DnsSearch,
            DnsOptions = host.DnsOptions,
            ExtraHosts = CheckHosts(host.ExtraHosts),
            AutoRemove = host.AutoRemove,
            Privileged = host.Privileged,
            ReadonlyRootfs = host.ReadonlyRootfs,
            CapAdd = host.CapAdd,
            CapDrop = host.CapDrop,
            GroupAdd = CheckGroups(host.GroupAdd),
            SecurityOpt = CheckSecurity(host.SecurityOpt),
            HostPid = host.PidMode == "host",
            HostIpc = host.IpcMode == "host",
            HostUts = host.UtsMode == "host",
            Tmpfs = host.Tmpfs,
            ShmSize = host.ShmSize switch
            {
                < 0 => throw new EngineException(ErrorKind.InvalidArgument, $"SHM size can not be less than 0, got {host.ShmSize}"),
                0 => 64 << 20,
                _ => host.ShmSize,
            },
            Ulimits = host.Ulimits?.Select(MapUlimit).ToList(),
            OomScoreAdj = host.OomScoreAdj is >= -1000 and <= 1000
                ? host.OomScoreAdj
                : throw new EngineException(ErrorKind.InvalidArgument, $"Invalid value {host.OomScoreAdj}, range for oom score adj is [-1000, 1000]"),
            Resources = HostMapping.MapResources(host, isUpdate: false),
            RestartPolicy = policy,
            Init = host.Init,
            MaskedPaths = host.MaskedPaths,
            ReadonlyPaths = host.ReadonlyPaths,
            Log = LogMapping.Map(host.LogConfig),
            ContainerIdFile = host.ContainerIDFile,
            ConsoleSize = host.ConsoleSize is [> 0 and var height, > 0 and var width] ? new ConsoleSizeOption(height, width) : null,
        };
    }

    private static void RefuseValue(string name, string value, params ReadOnlySpan<string> built)
    {
        if (!built.Contains(value))
        {
            throw UnbuiltOptions.Value(name, value);
        }
    }

    private static NetworkMode MapNetwork(string mode)
    {
        return mode switch
        {
            "" or "default" => NetworkMode.Default,
            "host" => NetworkMode.Host,
            "none" => NetworkMode.None,
            _ when mode.StartsWith("container:", StringComparison.Ordinal) && mode.Length > "container:".Length => NetworkMode.Container,
            _ when mode.StartsWith("container:", StringComparison.Ordinal) || mode.StartsWith("ns:", StringComparison.Ordinal) => throw new EngineException(ErrorKind.InvalidArgument, $"invalid network mode: {mode}"),
            _ => NetworkMode.Named,
        };
    }

    private static List<string>? CheckLinks(List<string>? links, NetworkMode network) => (links, network) switch
    {
        (null or { Count: 0 }, _) => null,
        (_, NetworkMode.Host) => throw new EngineException(ErrorKind.InvalidArgument, "conflicting options: host type networking can't be used with links. This would result in undefined behavior"),
        (_, NetworkMode.Container) => throw new EngineException(ErrorKind.InvalidArgument, "conflicting options: container type network can't be used with links. This would result in undefined behavior"),
        _ => links,
    };

    private static List<string>? CheckServers(List<string>? servers) => servers?.Find(static server => !NetAddress.TryParse(server, out _)) is { } wrong
        ? throw new EngineException(ErrorKind.InvalidArgument, $"invalid IP address: {wrong}")
        : servers;

    private static List<string>? CheckHosts(List<string>? hosts)
    {
        foreach (string host in hosts ?? [])
        {
            _ = HostRecord.ParseExtra(host, [NetAddress.IPv4(0)]); // what stands for the host is known at the start
        }

        return hosts;
    }

    private static List<string>? CheckGroups(List<string>? groups) =>
        groups is { Count: > 0 } ? throw new EngineException(ErrorKind.NotImplemented, "HostConfig.GroupAdd is not supported yet; leave it out") : groups;

    private static List<string>? CheckSecurity(List<string>? options)
    {
        foreach (string option in options ?? [])
        {
            if (option is not ("seccomp=unconfined" or "seccomp:unconfined" or "no-new-privileges" or "no-new-privileges=true" or "no-new-privileges:true"
                or "no-new-privileges=false" or "no-new-privileges:false" or "label=disable" or "label:disable" or "apparmor=unconfined" or "apparmor:unconfined"))
            {
                throw RefuseSecurity(option);
            }
        }

        return options;
    }

    // What docker knows and this engine has not yet is told from what is no option at all.
    private static EngineException RefuseSecurity(string option)
    {
        int separator = option.AsSpan().IndexOfAny('=', ':');
        return separator > 0 && option[..separator] is ("seccomp" or "no-new-privileges" or "label" or "apparmor" or "writable-cgroups")
            ? UnbuiltOptions.Value("HostConfig.SecurityOpt", option)
            : new EngineException(ErrorKind.InvalidArgument, $"invalid --security-opt {(separator > 0 ? 2 : 1)}: \"{option}\"");
    }

    private static UlimitOption MapUlimit(Ulimit limit)
    {
        if (!Ulimits.Contains(limit.Name))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid ulimit type: {limit.Name}");
        }

        return limit.Hard == -1 || (limit.Soft != -1 && limit.Soft <= limit.Hard)
            ? new UlimitOption(limit.Name, limit.Soft, limit.Hard)
            : throw new EngineException(ErrorKind.InvalidArgument, $"ulimit soft limit must be less than or equal to hard limit: {limit.Soft} > {limit.Hard}");
    }
}
