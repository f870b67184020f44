using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Seccomp;

namespace Berth.Benchmarks.Spawn;

/// <summary>What the started containers are made of, in one folder: busybox as the image, and a writable layer for each.</summary>
/// <param name="home">The folder, an absolute path.</param>
internal sealed class SpawnBundle(string home)
{
    private const UnixFileMode Executable = (UnixFileMode)0b111_101_101;

    // docker's defaults.
    private static readonly string[] Capabilities =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ];

    private static readonly SeccompSpec Seccomp =
        DefaultProfile.Create(Capabilities.ToHashSet(StringComparer.Ordinal), RuntimeInformation.ProcessArchitecture, Environment.OSVersion.Version);

    /// <summary>The image's busybox as a path on the host.</summary>
    public string Busybox => home + "/image/bin/busybox";

    /// <summary>The cgroup above those of the containers; the folder's name makes it unlike any other.</summary>
    public string CgroupsPath => "/" + Path.GetFileName(home);

    /// <summary>Makes image and bundle.</summary>
    /// <exception cref="FileNotFoundException">The machine has no busybox.</exception>
    public void Make()
    {
        string busybox = (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':').Select(static folder => Path.Combine(folder, "busybox")).FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException("there is no busybox in PATH: install the package busybox-static (eng/prepare does)");
        foreach (string folder in (ReadOnlySpan<string>)["bundle/rootfs", "image/bin", "image/dev", "image/etc", "image/proc", "image/sys", "layers"])
            Directory.CreateDirectory($"{home}/{folder}");
        File.Copy(busybox, Busybox);
        File.SetUnixFileMode(Busybox, Executable);
        File.CreateSymbolicLink(home + "/image/bin/true", "busybox");
        File.CreateSymbolicLink(home + "/image/bin/sleep", "busybox");
    }

    /// <summary>A container that runs <c>true</c>, with an empty writable layer of its own.</summary>
    public ContainerStart NewStart(int number)
    {
        string layer = LayerOf(number);
        Directory.CreateDirectory(layer + "/upper");
        Directory.CreateDirectory(layer + "/work");
        var root = new Mount("overlay", "overlay", "/", [$"lowerdir={home}/image", $"upperdir={layer}/upper", $"workdir={layer}/work"]);
        string name = number.ToString(CultureInfo.InvariantCulture);
        return new ContainerStart(name, home + "/bundle", Spec($"{CgroupsPath}/{name}"), [root], User: null);
    }

    /// <summary>Deletes the writable layer of a container that has ended.</summary>
    public void RemoveLayer(int number) => Directory.Delete(LayerOf(number), recursive: true);

    /// <summary>The configuration of a container whose cgroup has that name, without a writable layer.</summary>
    public RuntimeSpec NewSpec(string name) => Spec($"{CgroupsPath}/{name}");

    /// <summary>Makes a bundle for command lines: the image itself, read-only, as its root.</summary>
    /// <returns>Its folder.</returns>
    public string MakeBundle(string name, params string[] command)
    {
        string folder = $"{home}/bundles/{name}";
        Directory.CreateDirectory(folder);
        RuntimeSpec spec = NewSpec(name);
        spec = spec with { OciVersion = "1.0.2", Root = new RootSpec { Path = home + "/image", Readonly = true }, Process = spec.Process! with { Args = command } };
        File.WriteAllBytes(folder + "/config.json", JsonSerializer.SerializeToUtf8Bytes(spec, RuntimeSpecJsonContext.Default.RuntimeSpec));
        return folder;
    }

    private string LayerOf(int number) => $"{home}/layers/{number.ToString(CultureInfo.InvariantCulture)}";

    private static RuntimeSpec Spec(string cgroupsPath) => new()
    {
        Hostname = "bench",
        Root = new RootSpec { Path = "rootfs" },
        Process = new ProcessSpec
        {
            Args = ["true"],
            Env = ["PATH=/bin"],
            Capabilities = new CapabilitiesSpec { Bounding = Capabilities, Effective = Capabilities, Permitted = Capabilities },
        },
        Mounts =
        [
            Mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
            Mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            Mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            Mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            Mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev"),
            Mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            Mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
        ],
        Linux = new LinuxSpec
        {
            CgroupsPath = cgroupsPath,
            Namespaces = [new("mount"), new("uts"), new("ipc"), new("pid"), new("network")],
            MaskedPaths =
            [
                "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
            ],
            ReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            Resources = new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }] },
            Seccomp = Seccomp,
        },
    };

    private static MountSpec Mount(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = options };
}
