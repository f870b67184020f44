using Berth.Model.Oci.Runtime;

namespace Berth.RuntimeHost.Verbs;

/// <summary>A configuration to begin with.</summary>
internal static class StarterSpec
{
    private static readonly string[] Capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

    /// <summary>For root.</summary>
    public static RuntimeSpec Rootful() => new()
    {
        OciVersion = ProgramVersion.Specification,
        Process = new ProcessSpec
        {
            Terminal = true,
            Args = ["sh"],
            Env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            Capabilities = new CapabilitiesSpec { Bounding = Capabilities, Effective = Capabilities, Permitted = Capabilities },
            Rlimits = [new RlimitSpec("RLIMIT_NOFILE", 1024, 1024)],
            NoNewPrivileges = true,
        },
        Root = new RootSpec { Path = "rootfs", Readonly = true },
        Hostname = Program.Name,
        Mounts =
        [
            Mount("/proc", "proc", "proc"),
            Mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            Mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            Mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            Mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            Mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
        ],
        Linux = new LinuxSpec
        {
            Resources = new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }] },
            Namespaces = [new("pid"), new("network"), new("ipc"), new("uts"), new("mount"), new("cgroup")],
            MaskedPaths =
            [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
            ],
            ReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    };

    /// <summary>For another user: the user becomes root inside; there are no limits, no network of its own, and nothing that only the host's root may mount.</summary>
    public static RuntimeSpec Rootless(uint uid, uint gid)
    {
        RuntimeSpec spec = Rootful();
        LinuxSpec linux = spec.Linux!; // made above
        return spec with
        {
            Mounts =
            [
                .. spec.Mounts!.Select(static m => m.Destination == "/sys" // made above
                    ? Mount("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro")
                    : m with { Options = m.Options is null ? null : [.. m.Options.Where(static o => o != "gid=5")] }),
            ],
            Linux = linux with
            {
                Resources = null,
                Namespaces = [.. linux.Namespaces!.Where(static n => n.Type is not "network"), new NamespaceSpec("user")], // made above
                UidMappings = [new IdMappingSpec { ContainerId = 0, HostId = uid, Size = 1 }],
                GidMappings = [new IdMappingSpec { ContainerId = 0, HostId = gid, Size = 1 }],
            },
        };
    }

    private static MountSpec Mount(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = options.Length == 0 ? null : options };
}
