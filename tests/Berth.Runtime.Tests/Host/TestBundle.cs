using System.Diagnostics;
using System.Text;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Signals;
using Berth.Model;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

/// <summary>A bundle with busybox as lower layer of an overlay, in a folder of its own; and a way to run it and see what it printed.</summary>
internal sealed class TestBundle : IDisposable
{
    private const string BusyboxTar = "/var/tmp/base-images/busybox.tar";
    private static readonly Lazy<string> Busybox = new(Unpack);

    public static readonly string[] DefaultCapabilities =
    [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ];

    public TestBundle()
    {
        Folder = Directory.CreateTempSubdirectory("berth-runtime-test-").FullName;
        Id = Path.GetFileName(Folder);
        foreach (string name in (ReadOnlySpan<string>)["rootfs", "image", "upper", "work"])
            Directory.CreateDirectory(Path.Combine(Folder, name));
    }

    public string Folder { get; }

    public string Id { get; }

    /// <summary>A layer between busybox and the writable one, for what a test's image brings along.</summary>
    public string Image => Path.Combine(Folder, "image");

    public string CgroupsPath => "/berth-test/" + Id;

    public Mount Root => new("overlay", "overlay", "/", [$"lowerdir={Image}", $"lowerdir={Busybox.Value}", $"upperdir={Folder}/upper", $"workdir={Folder}/work"]);

    public static ProcessSpec Process(params string[] args) => new()
    {
        Args = args, Cwd = "/", Env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        Capabilities = new CapabilitiesSpec { Bounding = DefaultCapabilities, Effective = DefaultCapabilities, Permitted = DefaultCapabilities },
    };

    public static ProcessSpec Shell(string script) => Process("/bin/sh", "-c", script);

    /// <summary>What docker asks of its runtime for a plain container, without a network.</summary>
    public RuntimeSpec Spec(ProcessSpec process) => new()
    {
        Process = process,
        Root = new RootSpec { Path = "rootfs" },
        Hostname = "berth-host",
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
            CgroupsPath = CgroupsPath,
            Namespaces = [new("mount"), new("uts"), new("ipc"), new("pid"), new("network")],
            MaskedPaths = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware", "/proc/no-such-file"],
            ReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            Resources = new ResourcesSpec { Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }], Pids = new PidsSpec(100) },
        },
    };

    public static MountSpec Mount(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = options };

    public ContainerStart Start(RuntimeSpec spec, string? user = null) => new(Id, Folder, spec, [Root], user);

    /// <summary>Runs to the end. Output holds both streams (or the terminal's) as they came.</summary>
    public (int Code, string Output) Run(RuntimeSpec spec, string? user = null)
    {
        bool terminal = spec.Process!.Terminal;
        using FileDescriptor stdin = PlainFile.OpenNull();
        (FileDescriptor read, FileDescriptor write) = Pipe.Create();
        using (read)
        {
            RunningContainer container;
            using (write)
            {
                container = ContainerLauncher.Start(
                    Start(spec, user), terminal ? ProcessStdio.Terminal : new ProcessStdio(stdin.Number, write.Number, write.Number));
            }

            using (container)
            {
                string output = ReadAll(container.TerminalMaster ?? read);
                int code = Wait(container.PidFd);
                container.RemoveCgroup();
                return (code, output);
            }
        }
    }

    public (int Code, string Output) Sh(string script, string? user = null) => Run(Spec(Shell(script)), user);

    public static (int Code, string Output) Exec(RunningContainer container, ProcessSpec process, string? user = null)
    {
        using FileDescriptor stdin = PlainFile.OpenNull();
        (FileDescriptor read, FileDescriptor write) = Pipe.Create();
        using (read)
        {
            StartedProcess started;
            using (write)
                started = container.Exec(process, user, process.Terminal ? ProcessStdio.Terminal : new ProcessStdio(stdin.Number, write.Number, write.Number));
            using (started)
            {
                string output = ReadAll(started.TerminalMaster ?? read);
                return (Wait(started.PidFd), output);
            }
        }
    }

    /// <summary>Starts something that stays, with its output going nowhere.</summary>
    public RunningContainer StartSleeping(RuntimeSpec? spec = null)
    {
        using FileDescriptor nothing = PlainFile.OpenNull();
        return ContainerLauncher.Start(
            Start(spec ?? Spec(Process("sleep", "1000"))), new ProcessStdio(nothing.Number, nothing.Number, nothing.Number));
    }

    public static void Stop(RunningContainer container)
    {
        container.KillAll();
        Wait(container.PidFd);
        container.RemoveCgroup();
        container.Dispose();
    }

    public static string ReadAll(FileDescriptor from)
    {
        var text = new List<byte>();
        Span<byte> buffer = stackalloc byte[4096];
        while (DescriptorIo.TryRead(from.Number, buffer, out int count) == Errno.None && count > 0)
            text.AddRange(buffer[..count]);
        return Encoding.UTF8.GetString([.. text]);
    }

    public static int Wait(FileDescriptor process)
    {
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < TimeSpan.FromSeconds(30))
        {
            if (ChildProcess.TryReap(process) is { } end)
                return end.ShellCode;
            Thread.Sleep(1);
        }

        throw new TimeoutException("the process does not end");
    }

    /// <summary>Cgroup folders of this bundle that exist on the host.</summary>
    public string[] CgroupFolders() =>
        [.. Directory.GetDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup").Select(h => h + CgroupsPath).Where(Directory.Exists)];

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static string Unpack()
    {
        string folder = Directory.CreateTempSubdirectory("berth-busybox-").FullName;
        using Process tar = System.Diagnostics.Process.Start("tar", ["-xf", BusyboxTar, "-C", folder]);
        tar.WaitForExit();
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }
}
