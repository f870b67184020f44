using System.Text;
using Berth.Api;
using Berth.Engine.Containers;
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
            State = ToState(record.State),
            Image = record.ImageId.ToString(),
            ResolvConfPath = Path.Combine(info.Folder, "resolv.conf"),
            HostnamePath = Path.Combine(info.Folder, "hostname"),
            HostsPath = Path.Combine(info.Folder, "hosts"),
            LogPath = info.LogPath,
            Name = "/" + record.Name,
            Driver = storageDriver,
            Platform = "linux",
            ExecIDs = info.ExecIds.Count == 0 ? null : [.. info.ExecIds],
            HostConfig = ToHostConfig(record.Config.Host),
            GraphDriver = new DriverData { Name = storageDriver },
            Config = ToConfig(record.Config),
            NetworkSettings = new NetworkSettings { Networks = ToNetworks(record.Config.Host) },
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
            Status = DescribeState(record.State, now),
            HostConfig = new ContainerSummaryHostConfig { NetworkMode = record.Config.Host.NetworkText },
            NetworkSettings = new ContainerSummaryNetworks { Networks = ToNetworks(record.Config.Host) },
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

    public static string StatusText(ContainerStatus status) => status switch
    {
        ContainerStatus.Created => "created",
        ContainerStatus.Running => "running",
        ContainerStatus.Exited => "exited",
        _ => "removing",
    };

    private static string Quote(string word) => word.Contains(' ', StringComparison.Ordinal) ? $"'{word}'" : word;

    private static string DescribeState(Engine.Containers.ContainerState state, DateTimeOffset now) => state.Status switch
    {
        ContainerStatus.Created => "Created",
        ContainerStatus.Running => "Up " + HumanDuration.Describe(now - (state.StartedAt ?? now)),
        ContainerStatus.Exited => $"Exited ({state.ExitCode}) {HumanDuration.Describe(now - (state.FinishedAt ?? now))} ago",
        _ => "Removal In Progress",
    };

    private static Wire.ContainerState ToState(Engine.Containers.ContainerState state) => new()
    {
        Status = StatusText(state.Status),
        Running = state.Status == ContainerStatus.Running,
        OOMKilled = state.OomKilled,
        Pid = state.Pid,
        ExitCode = state.ExitCode,
        Error = state.Error,
        StartedAt = WireTime.Format(state.StartedAt),
        FinishedAt = WireTime.Format(state.FinishedAt),
    };

    private static Dictionary<string, EndpointSettings?> ToNetworks(ContainerHostOptions host) => host.Network switch
    {
        NetworkMode.Host => new() { ["host"] = new EndpointSettings() },
        NetworkMode.None or NetworkMode.Default => new() { ["none"] = new EndpointSettings() },
        _ => [],
    };

    private static Wire.ContainerConfig ToConfig(Engine.Containers.ContainerConfig config) => new()
    {
        Hostname = config.Hostname,
        Domainname = config.Domainname,
        User = config.User,
        AttachStdin = config.AttachStdin,
        AttachStdout = config.AttachStdout,
        AttachStderr = config.AttachStderr,
        Healthcheck = config.HasNoHealthcheck ? new HealthConfig { Test = ["NONE"] } : null,
        ArgsEscaped = config.ArgsEscaped,
        OnBuild = config.OnBuild?.ToList(),
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
        ContainerIDFile = host.ContainerIdFile,
        LogConfig = new LogConfig { Type = host.Log.Driver, Config = host.Log.Options },
        NetworkMode = host.NetworkText,
        RestartPolicy = new RestartPolicy { Name = "no" },
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
        PidsLimit = host.PidsLimit > 0 ? host.PidsLimit : null,
        Ulimits = host.Ulimits?.Select(static limit => new Ulimit { Name = limit.Name, Soft = limit.Soft, Hard = limit.Hard }).ToList(),
        MaskedPaths = host.Privileged ? null : [.. host.MaskedPaths ?? ContainerDefaults.MaskedPaths],
        ReadonlyPaths = host.Privileged ? null : [.. host.ReadonlyPaths ?? ContainerDefaults.ReadonlyPaths],
    };
}
