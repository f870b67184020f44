using Berth.Engine.Containers;
using Berth.Engine.Tests.Support;
using Berth.Model.Oci.Runtime;

namespace Berth.Engine.Tests.Containers;

public sealed class SpecBuilderTests
{
    private static RuntimeSpec Build(ContainerHostOptions? host = null, string? networkPath = null, bool tty = false, params string[] env)
    {
        var config = new ContainerConfig
        {
            Image = "busybox", Hostname = "box", Tty = tty, Env = env, Entrypoint = ["/bin/echo"], Cmd = ["hi"], Host = host ?? new ContainerHostOptions(),
        };
        return SpecBuilder.Build(Records.Create(config), "/folder", networkPath, SpecBuilder.HasInit(config.Host, isDefault: false) ? "/data/docker-init" : null);
    }

    private static LinuxSpec Linux(ContainerHostOptions? host = null, string? networkPath = null) => Build(host, networkPath).Linux!; // Build always sets it

    private static ProcessSpec Process(ContainerHostOptions? host = null, bool tty = false, params string[] env) => Build(host, null, tty, env).Process!; // as above

    private static IEnumerable<string> Types(LinuxSpec linux) => linux.Namespaces!.Select(static entry => entry.Type).Order(StringComparer.Ordinal); // as above

    [Fact]
    public void An_ordinary_container_is_confined()
    {
        LinuxSpec linux = Linux();
        Assert.Equal(["cgroup", "ipc", "mount", "network", "pid", "uts"], Types(linux));
        Assert.All(linux.Namespaces!, static entry => Assert.Null(entry.Path));
        Assert.NotNull(linux.Seccomp);
        Assert.Contains("/proc/kcore", linux.MaskedPaths!);
        Assert.Contains("/proc/sys", linux.ReadonlyPaths!);
        Assert.False(linux.Resources!.Devices![0].Allow);
        Assert.Null(linux.Resources.Pids);
        Assert.StartsWith("/berth/", linux.CgroupsPath, StringComparison.Ordinal);
        Assert.Contains("ro", MountAt(Build(), "/sys").Options!);
        Assert.Empty(Process().Capabilities!.Ambient ?? []);
        Assert.Empty(Process().Capabilities!.Inheritable ?? []);
    }

    [Fact]
    public void A_privileged_one_is_not()
    {
        RuntimeSpec spec = Build(new ContainerHostOptions { Privileged = true, MaskedPaths = ["/proc/kcore"] });
        Assert.Null(spec.Linux!.Seccomp);
        Assert.Null(spec.Linux.MaskedPaths);
        Assert.Null(spec.Linux.ReadonlyPaths);
        Assert.True(Assert.Single(spec.Linux.Resources!.Devices!).Allow);
        Assert.Contains("CAP_SYS_ADMIN", spec.Process!.Capabilities!.Bounding!);
        Assert.Contains("rw", MountAt(spec, "/sys").Options!);
        Assert.Contains("rw", MountAt(spec, "/sys/fs/cgroup").Options!);
    }

    [Fact]
    public void An_init_is_bound_and_runs_the_command_unless_the_hosts_processes_are_seen()
    {
        RuntimeSpec spec = Build(new ContainerHostOptions { Init = true });
        Assert.Equal(["/sbin/docker-init", "--", "/bin/echo", "hi"], spec.Process!.Args);
        MountSpec mount = MountAt(spec, "/sbin/docker-init");
        Assert.Equal(("/data/docker-init", "bind"), (mount.Source, mount.Type));
        Assert.Contains("ro", mount.Options!);
        Assert.Equal(["/bin/echo", "hi"], Process().Args);
        Assert.Equal(["/bin/echo", "hi"], Process(new ContainerHostOptions { Init = true, HostPid = true }).Args);
        Assert.True(SpecBuilder.HasInit(new ContainerHostOptions(), isDefault: true));
        Assert.False(SpecBuilder.HasInit(new ContainerHostOptions { Init = false }, isDefault: true));
    }

    [Fact]
    public void Namespaces_of_the_host_are_not_made_anew()
    {
        var host = new ContainerHostOptions { Network = NetworkMode.Host, HostPid = true, HostIpc = true, HostUts = true };
        RuntimeSpec spec = Build(host);
        Assert.Equal(["cgroup", "mount"], Types(spec.Linux!));
        Assert.Null(spec.Hostname);
        Assert.Equal(("bind", "/dev/shm"), (MountAt(spec, "/dev/shm").Type, MountAt(spec, "/dev/shm").Source));
    }

    [Fact]
    public void Another_containers_network_is_joined_by_path()
    {
        LinuxSpec linux = Linux(new ContainerHostOptions { Network = NetworkMode.Container }, "/proc/7/ns/net");
        Assert.Contains(new NamespaceSpec("network", "/proc/7/ns/net"), linux.Namespaces!);
    }

    [Fact]
    public void The_environment_has_a_path_and_a_host_name() =>
        Assert.Equal([SpecBuilder.DefaultPath, "HOSTNAME=box", "A=1"], Process(env: "A=1").Env!);

    [Fact]
    public void What_the_user_set_stays() =>
        Assert.Equal(["PATH=/bin", "HOSTNAME=me", "TERM=vt100"], Process(null, true, "PATH=/bin", "HOSTNAME=me", "TERM=vt100").Env!);

    [Fact]
    public void A_terminal_adds_its_type()
    {
        Assert.Contains("TERM=xterm", Process(tty: true).Env!);
        Assert.True(Process(tty: true).Terminal);
        Assert.DoesNotContain("TERM=xterm", Process().Env!);
    }

    [Fact]
    public void The_command_line_is_entrypoint_then_command() => Assert.Equal(["/bin/echo", "hi"], Process().Args);

    [Fact]
    public void Masked_paths_can_be_chosen_and_emptied()
    {
        Assert.Equal(["/proc/x"], Linux(new ContainerHostOptions { MaskedPaths = ["/proc/x"] }).MaskedPaths!);
        Assert.Empty(Linux(new ContainerHostOptions { ReadonlyPaths = [] }).ReadonlyPaths!);
    }

    [Fact]
    public void Ulimits_take_the_kernels_names_and_minus_one_is_unlimited()
    {
        var host = new ContainerHostOptions { Ulimits = [new UlimitOption("nofile", 10, 20), new UlimitOption("core", -1, -1)] };
        Assert.Equal([new RlimitSpec("RLIMIT_NOFILE", 20, 10), new RlimitSpec("RLIMIT_CORE", ulong.MaxValue, ulong.MaxValue)], Process(host).Rlimits!);
    }

    [Theory]
    [InlineData("no-new-privileges", true)]
    [InlineData("no-new-privileges:true", true)]
    [InlineData("no-new-privileges=false", false)]
    [InlineData("seccomp=unconfined", false)]
    public void Security_options(string option, bool expected)
    {
        var host = new ContainerHostOptions { SecurityOpt = [option] };
        Assert.Equal(expected, Process(host).NoNewPrivileges);
        Assert.Equal(option == "seccomp=unconfined", Linux(host).Seccomp is null);
    }

    [Fact]
    public void Limits_and_mounts()
    {
        var host = new ContainerHostOptions
        {
            Resources = new ResourceOptions { PidsLimit = 5 }, OomScoreAdj = -7, ReadonlyRootfs = true, ShmSize = 4096, Tmpfs = new Dictionary<string, string> { ["/scratch"] = "size=1m,,exec" },
        };
        RuntimeSpec spec = Build(host);
        Assert.Equal(5, spec.Linux!.Resources!.Pids!.Limit);
        Assert.Equal(-7, spec.Process!.OomScoreAdj);
        Assert.True(spec.Root!.Readonly);
        Assert.Contains("size=4096", MountAt(spec, "/dev/shm").Options!);
        Assert.Equal(["nosuid", "nodev", "noexec", "size=1m", "exec"], MountAt(spec, "/scratch").Options!);
        Assert.Equal("/folder/hosts", MountAt(spec, "/etc/hosts").Source);
    }

    private static MountSpec MountAt(RuntimeSpec spec, string destination) => Assert.Single(spec.Mounts!, mount => mount.Destination == destination);
}
