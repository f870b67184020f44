using System.Globalization;
using Berth.Api;
using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

/// <summary>The flags that <c>run</c> and <c>create</c> share, and the create request that they describe.</summary>
internal sealed partial class ContainerFlags
{
    private readonly FlagSet flags;
    private readonly ContainerCreateRequest config = new();
    private readonly HostConfig host = new()
    {
        NetworkMode = "default",
        LogConfig = new LogConfig { Config = [] },
        RestartPolicy = new RestartPolicy { Name = "no" },
        MemorySwappiness = -1,
        PortBindings = [],
        Binds = [],
        Dns = [],
        DnsOptions = [],
        DnsSearch = [],
        BlkioWeightDevice = [],
        BlkioDeviceReadBps = [],
        BlkioDeviceWriteBps = [],
        BlkioDeviceReadIOps = [],
        BlkioDeviceWriteIOps = [],
        Devices = [],
        Ulimits = [],
        PidsLimit = 0,
        OomKillDisable = false,
    };

    private readonly List<string> attach = [];
    private readonly List<string> environment = [];
    private readonly List<string> environmentFiles = [];
    private readonly List<string> labels = [];
    private readonly List<string> labelFiles = [];
    private readonly List<string> volumes = [];
    private readonly List<string> tmpfs = [];
    private readonly List<string> logOptions = [];
    private readonly List<string> sysctls = [];
    private readonly List<string> storageOptions = [];
    private readonly List<string> securityOptions = [];
    private readonly List<string> links = [];
    private readonly List<string> devices = [];
    private readonly List<string> annotations = [];
    private readonly HealthConfig health = new();
    private string? entrypoint;
    private bool noHealthcheck;

    public ContainerFlags(FlagSet flags)
    {
        this.flags = flags;
        DeclareProcess();
        DeclareHost();
        DeclareNetwork();
        DeclareResources();
        DeclareRefused();
    }

    public string? Name { get; private set; }

    public string? Platform { get; private set; }

    /// <summary><c>always</c>, <c>missing</c> or <c>never</c>.</summary>
    public string Pull { get; private set; } = "missing";

    public bool Quiet { get; private set; }

    /// <summary>Whether the container gets the engine's socket and the user's credentials, see <see cref="ApiSocket"/>.</summary>
    public bool UsesApiSocket { get; private set; }

    public string? IdFile { get; private set; }

    /// <summary>Which streams were asked for with -a; empty for the default.</summary>
    public IReadOnlyList<string> Attach => attach;

    private void DeclareProcess()
    {
        flags.List("attach", 'a', "Attach to STDIN, STDOUT or STDERR", attach, check: CheckStream);
        flags.Text("entrypoint", null, "Overwrite the default ENTRYPOINT of the image", value => entrypoint = value);
        flags.List("env", 'e', "Set environment variables", environment, check: value => NotNameless(value, "invalid environment variable: " + value));
        flags.List("env-file", null, "Read in a file of environment variables", environmentFiles);
        flags.Text("hostname", 'h', "Container host name", value => config.Hostname = value);
        flags.Text("domainname", null, "Container NIS domain name", value => config.Domainname = value);
        flags.Switch("interactive", 'i', "Keep STDIN open even if not attached", value => config.OpenStdin = value);
        flags.Switch("tty", 't', "Allocate a pseudo-TTY", value => config.Tty = value);
        flags.List("label", 'l', "Set meta data on a container", labels, check: value => NotNameless(value, $"invalid label '{value}': empty name"));
        flags.List("label-file", null, "Read in a line delimited file of labels", labelFiles);
        flags.Text("user", 'u', "Username or UID (format: <name|uid>[:<group|gid>])", value => config.User = value);
        flags.Text("workdir", 'w', "Working directory inside the container", value => config.WorkingDir = value);
        flags.Text("stop-signal", null, "Signal to stop the container", value => config.StopSignal = value);
        flags.Number("stop-timeout", null, "Timeout (in seconds) to stop a container", value => config.StopTimeout = Values.Int(value));
        flags.Text("name", null, "Assign a name to the container", value => Name = value);
        flags.Text("platform", null, "Set platform if server is multi-platform capable", value => Platform = value);
        flags.Text("pull", null, "Pull image before running (\"always\", \"missing\", \"never\")", value => Pull = value, defaultText: "\"missing\"");
        flags.Switch("quiet", 'q', "Suppress the pull output", value => Quiet = value);
        flags.Text("cidfile", null, "Write the container ID to the file", value => host.ContainerIDFile = IdFile = value);
        flags.Text("health-cmd", null, "Command to run to check health", value => health.Test = ["CMD-SHELL", value]);
        flags.Text("health-interval", null, "Time between running the check (ms|s|m|h)", v => health.Interval = Values.Duration(v), "duration", "0s");
        flags.Number("health-retries", null, "Consecutive failures needed to report unhealthy", value => health.Retries = Values.Int(value));
        flags.Text("health-start-period", null, "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)",
            value => health.StartPeriod = Values.Duration(value), "duration", "0s");
        flags.Text("health-start-interval", null, "Time between running the check during the start period (ms|s|m|h)",
            value => health.StartInterval = Values.Duration(value), "duration", "0s");
        flags.Text("health-timeout", null, "Maximum time to allow one check to run (ms|s|m|h)", v => health.Timeout = Values.Duration(v), "duration", "0s");
        flags.Switch("no-healthcheck", null, "Disable any container-specified HEALTHCHECK", value => noHealthcheck = value);
    }

    private void DeclareHost()
    {
        flags.List("add-host", null, "Add a custom host-to-IP mapping (host:ip)", host.ExtraHosts ??= [], check: Values.ExtraHost);
        flags.List("annotation", null, "Add an annotation to the container (passed through to the OCI runtime)", annotations, type: "map");
        flags.List("cap-add", null, "Add Linux capabilities", host.CapAdd ??= []);
        flags.List("cap-drop", null, "Drop Linux capabilities", host.CapDrop ??= []);
        flags.Text("cgroup-parent", null, "Optional parent cgroup for the container", value => host.CgroupParent = value);
        flags.Text("cgroupns", null, "Cgroup namespace to use (host|private)\n'host':    Run the container in the host's cgroup namespace\n"
            + "'private': Run the container in its own private cgroup namespace", value => host.CgroupnsMode = value);
        flags.List("device-cgroup-rule", null, "Add a rule to the cgroup allowed devices list", host.DeviceCgroupRules ??= [], check: DeviceValues.CgroupRule);
        flags.List("device", null, "Add a host device to the container", devices);
        flags.List("dns", null, "Set custom DNS servers", host.Dns!, check: Values.IpAddress); // set above
        flags.List("dns-option", null, "Set DNS options", host.DnsOptions!); // set above
        flags.Add(new Flag("dns-opt", null, "list", "", null, host.DnsOptions!.Add) { IsHidden = true }); // set above
        flags.List("dns-search", null, "Set custom DNS search domains", host.DnsSearch!, check: Values.SearchDomain); // set above
        flags.Add(new Flag("gpus", null, "gpu-request", "GPU devices to add to the container ('all' to pass all GPUs)", null,
            value => (host.DeviceRequests ??= []).Add(DeviceValues.Gpus(value))));
        flags.List("group-add", null, "Add additional groups to join", host.GroupAdd ??= []);
        flags.Switch("init", null, "Run an init inside the container that forwards signals and reaps processes", value => host.Init = value);
        flags.Text("ipc", null, "IPC mode to use", value => host.IpcMode = value);
        flags.Text("isolation", null, "Container isolation technology", value => host.Isolation = value);
        flags.Text("log-driver", null, "Logging driver for the container", value => host.LogConfig.Type = value);
        flags.List("log-opt", null, "Log driver options", logOptions);
        flags.Add(new Flag("mount", null, "mount", "Attach a filesystem mount to the container", null, value => (host.Mounts ??= []).Add(MountValue.Parse(value))));
        flags.Text("pid", null, "PID namespace to use", value => host.PidMode = value);
        flags.Switch("privileged", null, "Give extended privileges to this container", value => host.Privileged = value);
        flags.Switch("read-only", null, "Mount the container's root filesystem as read only", value => host.ReadonlyRootfs = value);
        flags.Text("restart", null, "Restart policy to apply when a container exits", v => host.RestartPolicy = Values.Restart(v), defaultText: "\"no\"");
        flags.Switch("rm", null, "Automatically remove the container and its associated anonymous volumes when it exits", v => host.AutoRemove = v);
        flags.Text("runtime", null, "Runtime to use for this container", value => host.Runtime = value);
        flags.List("security-opt", null, "Security Options", securityOptions);
        flags.List("storage-opt", null, "Storage driver options for the container", storageOptions);
        flags.List("sysctl", null, "Sysctl options", sysctls, type: "map", check: value => value.Contains('=', StringComparison.Ordinal) ? value : throw new FlagValueException($"sysctl '{value}' is not allowed"));
        flags.List("tmpfs", null, "Mount a tmpfs directory", tmpfs);
        flags.Switch("use-api-socket", null, "Bind mount Docker API socket and required auth", value => UsesApiSocket = value);
        flags.Text("userns", null, "User namespace to use", value => host.UsernsMode = value);
        flags.Text("uts", null, "UTS namespace to use", value => host.UtsMode = value);
        flags.List("volume", 'v', "Bind mount a volume", volumes);
        flags.Text("volume-driver", null, "Optional volume driver for the container", value => host.VolumeDriver = value);
        flags.List("volumes-from", null, "Mount volumes from the specified container(s)", host.VolumesFrom ??= []);
    }

    private void DeclareResources()
    {
        flags.Number("blkio-weight", null, "Block IO (relative weight), between 10 and 1000, or 0 to disable", v => host.BlkioWeight = Values.Weight(v), "uint16", "0");
        flags.Add(new Flag("blkio-weight-device", null, "list", "Block IO weight (relative device weight)", "[]",
            value => host.BlkioWeightDevice!.Add(DeviceValues.Weight(value)))); // set above
        flags.Number("cpu-count", null, "CPU count (Windows only)", _ => throw WindowsOnly("cpu-count"));
        flags.Number("cpu-percent", null, "CPU percent (Windows only)", _ => throw WindowsOnly("cpu-percent"));
        flags.Number("cpu-period", null, "Limit CPU CFS (Completely Fair Scheduler) period", value => host.CpuPeriod = value);
        flags.Number("cpu-quota", null, "Limit CPU CFS (Completely Fair Scheduler) quota", value => host.CpuQuota = value);
        flags.Number("cpu-rt-period", null, "Limit CPU real-time period in microseconds", value => host.CpuRealtimePeriod = value);
        flags.Number("cpu-rt-runtime", null, "Limit CPU real-time runtime in microseconds", value => host.CpuRealtimeRuntime = value);
        flags.Number("cpu-shares", 'c', "CPU shares (relative weight)", value => host.CpuShares = value);
        flags.Text("cpus", null, "Number of CPUs", value => host.NanoCpus = Values.NanoCpus(value), "decimal");
        flags.Text("cpuset-cpus", null, "CPUs in which to allow execution (0-3, 0,1)", value => host.CpusetCpus = value);
        flags.Text("cpuset-mems", null, "MEMs in which to allow execution (0-3, 0,1)", value => host.CpusetMems = value);
        flags.Add(new Flag("device-read-bps", null, "list", "Limit read rate (bytes per second) from a device", "[]",
            value => host.BlkioDeviceReadBps!.Add(DeviceValues.ByteRate(value)))); // set above
        flags.Add(new Flag("device-read-iops", null, "list", "Limit read rate (IO per second) from a device", "[]",
            value => host.BlkioDeviceReadIOps!.Add(DeviceValues.OperationRate(value)))); // set above
        flags.Add(new Flag("device-write-bps", null, "list", "Limit write rate (bytes per second) to a device", "[]",
            value => host.BlkioDeviceWriteBps!.Add(DeviceValues.ByteRate(value)))); // set above
        flags.Add(new Flag("device-write-iops", null, "list", "Limit write rate (IO per second) to a device", "[]",
            value => host.BlkioDeviceWriteIOps!.Add(DeviceValues.OperationRate(value)))); // set above
        flags.Text("io-maxbandwidth", null, "Maximum IO bandwidth limit for the system drive (Windows only)", _ => throw WindowsOnly("io-maxbandwidth"), "bytes");
        flags.Number("io-maxiops", null, "Maximum IOps limit for the system drive (Windows only)", _ => throw WindowsOnly("io-maxiops"));
        flags.Text("kernel-memory", null, "Kernel memory limit", value => host.KernelMemory = Values.Bytes(value), "bytes");
        flags.Text("memory", 'm', "Memory limit", value => host.Memory = Values.Bytes(value), "bytes");
        flags.Text("memory-reservation", null, "Memory soft limit", value => host.MemoryReservation = Values.Bytes(value), "bytes");
        flags.Text("memory-swap", null, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
            value => host.MemorySwap = value == "-1" ? -1 : Values.Bytes(value), "bytes");
        flags.Number("memory-swappiness", null, "Tune container memory swappiness (0 to 100)", value => host.MemorySwappiness = value, defaultText: "-1");
        flags.Switch("oom-kill-disable", null, "Disable OOM Killer", value => host.OomKillDisable = value);
        flags.Number("oom-score-adj", null, "Tune host's OOM preferences (-1000 to 1000)", value => host.OomScoreAdj = Values.Int(value));
        flags.Number("pids-limit", null, "Tune container pids limit (set -1 for unlimited)", value => host.PidsLimit = value);
        flags.Text("shm-size", null, "Size of /dev/shm", value => host.ShmSize = Values.Bytes(value), "bytes");
        flags.Add(new Flag("ulimit", null, "ulimit", "Ulimit options", "[]", value => host.Ulimits!.Add(Values.Ulimit(value)))); // set above
    }

    /// <summary>What the API has no member for, so that only this program can say that it is not there.</summary>
    private void DeclareRefused()
    {
        flags.Add(new Flag("disable-content-trust", null, "", "Skip image verification", "true", value =>
        {
            if (FlagSet.ParseSwitch(value) is false)
                throw new UsageException("--disable-content-trust=false: content trust is not supported", exitCode: 125);
        }));
    }

    private static UsageException WindowsOnly(string flag) =>
        new($"\"--{flag}\" is only supported on a Berth daemon running on windows, but the Berth daemon is running on linux", exitCode: 1);

    private static string NotNameless(string value, string problem) => value.StartsWith('=') ? throw new FlagValueException(problem) : value;

    private static string CheckStream(string value)
    {
        string stream = value.ToLowerInvariant();
        return stream is "stdin" or "stdout" or "stderr"
            ? stream
            : throw new FlagValueException("valid streams are STDIN, STDOUT and STDERR");
    }
}
