using System.Text;
using Berth.Api;
using Berth.Engine.Containers;
using Berth.Engine.Containers.Health;
using Wire = Berth.Api;

namespace Berth.Daemon.Mapping;

/// <summary>From the engine's containers to the API's records.</summary>
internal static class ContainerMapping
{
    public static ContainerInspect ToInspect(ContainerInfo info, string storageDriver)
    {
        ContainerRecord record = info.Record;
        IReadOnlyList<string> command = record.Config.CommandLine;
        return new ContainerInspect
        {
            Id = record.Id.ToString(),
            Created = WireTime.Format(record.Created),
            Path = command.Count > 0 ? command[0] : "",
            Args = [.. command.Skip(1)],
            State = ToState(info),
            RestartCount = record.State.RestartCount,
            Image = record.ImageId.ToString(),
            ResolvConfPath = MountMapping.FileAt(info, "/etc/resolv.conf"),
            HostnamePath = MountMapping.FileAt(info, "/etc/hostname"),
            HostsPath = MountMapping.FileAt(info, "/etc/hosts"),
            LogPath = info.LogPath,
            Name = "/" + record.Name,
            Driver = storageDriver,
            Platform = "linux",
            ExecIDs = info.ExecIds.Count == 0 ? null : [.. info.ExecIds],
            HostConfig = ToHostConfig(record.Config.Host),
            GraphDriver = new DriverData { Name = storageDriver },
            Mounts = MountMapping.ToPoints(record.Config.Host),
            Config = ToConfig(record.Config),
            NetworkSettings = NetworkMapping.ToSettings(record),
        };
    }

    public static ContainerSummary ToSummary(ContainerInfo info, string imageName, DateTimeOffset now)
    {
        ContainerRecord record = info.Record;
        return new ContainerSummary
        {
            Id = record.Id.ToString(),
            Names = ["/" + record.Name],
            Image = imageName,
            ImageID = record.ImageId.ToString(),
            Command = string.Join(' ', record.Config.CommandLine.Select(Quote)),
            Created = record.Created.ToUnixTimeSeconds(),
            Labels = new Dictionary<string, string>(record.Config.Labels),
            State = StatusText(record.State.Status),
            Status = DescribeState(info, now),
            Mounts = MountMapping.ToPoints(record.Config.Host),
            HostConfig = new ContainerSummaryHostConfig { NetworkMode = record.Config.Host.NetworkText },
            NetworkSettings = new ContainerSummaryNetworks { Networks = NetworkMapping.ToNetworks(record) },
            Ports = NetworkMapping.ToPortList(record),
        };
    }

    public static ExecInspect ToInspect(ExecSession session) => new()
    {
        ID = session.Id,
        Running = session.IsStarted && session.ExitCode is null,
        ExitCode = session.ExitCode,
        ProcessConfig = new ExecProcessConfig
        {
            Tty = session.Request.Tty,
            Entrypoint = session.Request.Command[0],
            Arguments = [.. session.Request.Command.Skip(1)],
            Privileged = session.Request.Privileged,
            User = session.Request.User.Length == 0 ? null : session.Request.User,
        },
        OpenStdin = session.Request.AttachStdin,
        OpenStderr = session.Request.AttachStderr,
        OpenStdout = session.Request.AttachStdout,
        CanRemove = session.ExitCode is not null,
        ContainerID = session.ContainerId.ToString(),
        DetachKeys = Convert.ToBase64String(Encoding.ASCII.GetBytes(session.Request.DetachKeys)),
        Pid = session.Pid,
    };

    /// <summary>The state as clients know it.</summary>
    public static string StatusText(ContainerStatus status) => status switch
    {
        ContainerStatus.Created => "created",
        ContainerStatus.Running => "running",
        ContainerStatus.Paused => "paused",
        ContainerStatus.Restarting => "restarting",
        _ => "exited",
    };

    private static string Quote(string word) => word.Contains(' ', StringComparison.Ordinal) ? $"'{word}'" : word;

    private static string DescribeState(ContainerInfo info, DateTimeOffset now)
    {
        Engine.Containers.ContainerState state = info.Record.State;
        string up = "Up " + HumanDuration.Describe(now - (state.StartedAt ?? now));
        string ended = $"({state.ExitCode}) {HumanDuration.Describe(now - (state.FinishedAt ?? now))} ago";
        return state.Status switch
        {
            ContainerStatus.Created => "Created",
            ContainerStatus.Running => info.Health switch
            {
                null => up,
                { Status: HealthReport.Starting } => up + " (health: starting)",
                { Status: var health } => $"{up} ({health})",
            },
            ContainerStatus.Paused => up + " (Paused)",
            ContainerStatus.Restarting => "Restarting " + ended,
            _ => "Exited " + ended,
        };
    }

    private static Wire.ContainerState ToState(ContainerInfo info)
    {
        Engine.Containers.ContainerState state = info.Record.State;
        return new Wire.ContainerState
        {
            Status = StatusText(state.Status),
            Running = state.IsAlive,
            Paused = state.Status == ContainerStatus.Paused,
            Restarting = state.Status == ContainerStatus.Restarting,
            OOMKilled = state.OomKilled,
            Pid = state.Pid,
            ExitCode = state.ExitCode,
            Error = state.Error,
            StartedAt = WireTime.Format(state.StartedAt),
            FinishedAt = WireTime.Format(state.FinishedAt),
            Health = info.Health is { } health ? ToHealth(health) : null,
        };
    }

    private static HealthState ToHealth(HealthReport report) => new()
    {
        Status = report.Status,
        FailingStreak = report.FailingStreak,
        Log = [.. report.Log.Select(static result => new Wire.HealthResult
        {
            Start = WireTime.Format(result.Start),
            End = WireTime.Format(result.End),
            ExitCode = result.ExitCode,
            Output = result.Output,
        })],
    };

    private static Wire.ContainerConfig ToConfig(Engine.Containers.ContainerConfig config) => new()
    {
        Hostname = config.Hostname,
        Domainname = config.Domainname,
        User = config.User,
        AttachStdin = config.AttachStdin,
        AttachStdout = config.AttachStdout,
        AttachStderr = config.AttachStderr,
        Healthcheck = HostMapping.ToHealth(config.Healthcheck),
        ArgsEscaped = config.ArgsEscaped,
        OnBuild = config.OnBuild?.ToList(),
        Shell = config.Shell?.ToList(),
        ExposedPorts = config.ExposedPorts?.ToDictionary(static port => port.Key, static _ => EmptyObject.Value, StringComparer.Ordinal),
        Tty = config.Tty,
        OpenStdin = config.OpenStdin,
        StdinOnce = config.StdinOnce,
        Env = [.. config.Env],
        Cmd = config.Cmd?.ToList(),
        Image = config.Image,
        WorkingDir = config.WorkingDir,
        Entrypoint = config.Entrypoint?.ToList(),
        Labels = new Dictionary<string, string>(config.Labels),
        StopSignal = config.StopSignal,
        StopTimeout = config.StopTimeout,
    };

    private static HostConfig ToHostConfig(ContainerHostOptions host) => new()
    {
        Binds = host.Binds?.ToList(),
        Mounts = MountMapping.ToRequests(host),
        ContainerIDFile = host.ContainerIdFile,
        LogConfig = new LogConfig { Type = host.Log.Driver, Config = host.Log.Options },
        NetworkMode = host.NetworkText,
        RestartPolicy = new RestartPolicy { Name = host.RestartPolicy.Name, MaximumRetryCount = host.RestartPolicy.MaximumRetryCount },
        Links = host.Links?.ToList(),
        PortBindings = NetworkMapping.ToPorts(host.PortBindings),
        PublishAllPorts = host.PublishAllPorts,
        Dns = host.Dns?.ToList(),
        DnsSearch = host.DnsSearch?.ToList(),
        DnsOptions = host.DnsOptions?.ToList(),
        ExtraHosts = host.ExtraHosts?.ToList(),
        AutoRemove = host.AutoRemove,
        ConsoleSize = host.ConsoleSize is { } size ? [size.Height, size.Width] : [0, 0],
        CapAdd = host.CapAdd?.ToList(),
        CapDrop = host.CapDrop?.ToList(),
        CgroupnsMode = "private",
        GroupAdd = host.GroupAdd?.ToList(),
        IpcMode = host.HostIpc ? "host" : "private",
        OomScoreAdj = host.OomScoreAdj,
        PidMode = host.HostPid ? "host" : "",
        Privileged = host.Privileged,
        ReadonlyRootfs = host.ReadonlyRootfs,
        SecurityOpt = host.SecurityOpt?.ToList(),
        Tmpfs = host.Tmpfs,
        UtsMode = host.HostUts ? "host" : "",
        ShmSize = host.ShmSize,
        Runtime = "berth-runtime",
        Init = host.Init,
        Memory = host.Resources.Memory,
        MemorySwap = host.Resources is { Memory: > 0, MemorySwap: 0 } ? host.Resources.Memory * 2 : host.Resources.MemorySwap,
        MemoryReservation = host.Resources.MemoryReservation,
        NanoCpus = host.Resources.NanoCpus,
        CpuShares = host.Resources.CpuShares,
        CpuPeriod = host.Resources.CpuPeriod,
        CpuQuota = host.Resources.CpuQuota,
        CpusetCpus = host.Resources.CpusetCpus,
        CpusetMems = host.Resources.CpusetMems,
        PidsLimit = host.Resources.PidsLimit,
        Ulimits = host.Ulimits?.Select(static limit => new Ulimit { Name = limit.Name, Soft = limit.Soft, Hard = limit.Hard }).ToList(),
        MaskedPaths = host.Privileged ? null : [.. host.MaskedPaths ?? ContainerDefaults.MaskedPaths],
        ReadonlyPaths = host.Privileged ? null : [.. host.ReadonlyPaths ?? ContainerDefaults.ReadonlyPaths],
    };
}
