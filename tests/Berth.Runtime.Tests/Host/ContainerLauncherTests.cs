using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

public sealed class ContainerLauncherTests : IDisposable
{
    private readonly TestBundle bundle = new();

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    [Fact]
    public void RunsAsPidOneWithItsOwnHostname()
    {
        (int code, string output) = bundle.Sh("echo $$; hostname; exit 7");
        Assert.Equal("1\nberth-host\n", output);
        Assert.Equal(7, code);
    }

    [Fact]
    public void SeesTheMountsThatDockerShows()
    {
        (_, string output) = bundle.Sh("mount");
        Assert.Contains("proc on /proc type proc (rw,nosuid,nodev,noexec,relatime)\n", output);
        Assert.Contains("tmpfs on /dev type tmpfs (rw,nosuid,size=65536k,mode=755)\n", output);
        Assert.Contains("devpts on /dev/pts type devpts (rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666)\n", output);
        Assert.Contains("sysfs on /sys type sysfs (ro,nosuid,nodev,noexec,relatime)\n", output);
        Assert.Contains("cgroup on /sys/fs/cgroup/pids type cgroup (ro,nosuid,nodev,noexec,relatime,pids)\n", output);
        Assert.Contains("shm on /dev/shm type tmpfs (rw,nosuid,nodev,noexec,relatime,size=65536k)\n", output);
        Assert.Contains("proc on /proc/sys type proc (ro,nosuid,nodev,noexec,relatime)\n", output);
        Assert.DoesNotContain("berth-runtime-test", string.Join('\n', output.Split('\n').Where(l => !l.StartsWith("overlay"))));
    }

    [Fact]
    public void DevHasTheDefaultDevices()
    {
        (_, string output) = bundle.Sh("ls -l /dev | awk '{print $1, $5, $6, $NF}' | grep ^c; readlink /dev/ptmx; readlink /dev/fd; echo x > /dev/null && head -c 3 /dev/zero | wc -c");
        foreach (string node in (ReadOnlySpan<string>)["1, 7 full", "1, 3 null", "1, 8 random", "5, 0 tty", "1, 9 urandom", "1, 5 zero"])
            Assert.Contains("crw-rw-rw- " + node, output);
        Assert.EndsWith("pts/ptmx\n/proc/self/fd\n3\n", output);
    }

    [Fact]
    public void MasksAndProtectsPaths()
    {
        (_, string output) = bundle.Sh("wc -c < /proc/keys; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/panic; touch /sys/kernel/profiling 2>/dev/null || echo refused");
        Assert.StartsWith("0\n0\n", output);
        Assert.Contains("can't create /proc/sys/kernel/panic: Read-only file system", output);
        Assert.EndsWith("refused\n", output);
    }

    [Fact]
    public void ReadOnlyRootCannotBeWritten()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("touch /x; touch /dev/shm/y && echo fine"));
        (_, string output) = bundle.Run(spec with { Root = spec.Root! with { Readonly = true } });
        Assert.Equal("touch: /x: Read-only file system\nfine\n", output);
    }

    [Fact]
    public void Attack07_CapabilitiesAreThoseAskedForAndNoneInheritable()
    {
        (_, string output) = bundle.Sh("grep -E '^(Cap|NoNew)' /proc/self/status");
        Assert.Equal(
            "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\n", output);
        (_, output) = bundle.Sh("grep -E '^(Cap|NoNew)' /proc/self/status", user: "1000");
        Assert.Equal(
            "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\n", output);
        (_, output) = bundle.Run(bundle.Spec(TestBundle.Shell("grep NoNew /proc/self/status") with { NoNewPrivileges = true }));
        Assert.Equal("NoNewPrivs:\t1\n", output);
    }

    [Fact]
    public void CapabilitiesThatTheHostLacksAreLeftOutAndNamed()
    {
        string[] all = ["CAP_CHOWN", "CAP_SYS_RESOURCE"];
        ProcessSpec process = TestBundle.Process("sleep", "1000") with { Capabilities = new CapabilitiesSpec { Bounding = all, Effective = all, Permitted = all } };
        RunningContainer container = bundle.StartSleeping(bundle.Spec(process));
        Assert.Equal(all.Except(HostAbilities.Capabilities(all)), container.MissingCapabilities);
        TestBundle.Stop(container);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void InstallsASeccompFilter(bool noNewPrivileges)
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("grep Seccomp: /proc/self/status; mkdir /tmp/x") with { NoNewPrivileges = noNewPrivileges });
        var filter = new SeccompSpec
        {
            DefaultAction = "SCMP_ACT_ALLOW", Syscalls = [new SeccompRule { Names = ["mkdir", "mkdirat"], Action = "SCMP_ACT_ERRNO", ErrnoRet = 95 }],
        };
        (_, string output) = bundle.Run(spec with { Linux = spec.Linux! with { Seccomp = filter } });
        Assert.StartsWith("Seccomp:\t2\n", output);
        Assert.Contains("not supported", output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Attack02_NoDescriptorsButTheStandardOnesAreOpen()
    {
        // ls itself opens 3 to read the folder.
        // No pipes in the script, of which its shell, process 1, would hold ends for a moment; and something after it, or the shell would become the last ls.
        (_, string output) = bundle.Sh("ls /proc/self/fd; ls /proc/1/fd; true");
        Assert.Equal("0\n1\n2\n3\n0\n1\n2\n", output);
    }

    [Fact]
    public void SignalsAreAtTheirDefaults()
    {
        (_, string output) = bundle.Run(bundle.Spec(TestBundle.Process("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")));
        Assert.Equal("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", output);
    }

    [Fact]
    public void TerminalComesFromTheContainersOwnDevpts()
    {
        ProcessSpec process = TestBundle.Shell("tty; stty size; ls -l /dev/console | awk '{print $1, $3, $4, $5, $6}'; mount | grep -c 'on /dev/console'; ls /proc/self/fd | tr '\\n' ' '") with
        {
            Terminal = true,
            ConsoleSize = new ConsoleSize(33, 111),
        };
        (_, string output) = bundle.Run(bundle.Spec(process));
        Assert.Equal("/dev/pts/0\r\n33 111\r\ncrw--w---- root 5 136, 0\r\n1\r\n0 1 2 3 ", output);
    }

    // Every v1 hierarchy of the host; the unified one only where it is alone.
    private static string JoinedHierarchies =>
        Math.Max(1, File.ReadLines("/proc/self/cgroup").Count(static line => !line.StartsWith("0::", StringComparison.Ordinal))).ToString();

    [Fact]
    public void CgroupLimitsHold()
    {
        (_, string output) = bundle.Sh("cat /sys/fs/cgroup/pids/pids.max; grep -c berth-test /proc/self/cgroup; mknod /x b 254 0 && cat /x; mkdir /sys/fs/cgroup/pids/x");
        Assert.StartsWith($"100\n{JoinedHierarchies}\n", output);
        Assert.Contains("cat: can't open '/x': Operation not permitted", output);
        Assert.Contains("Read-only file system", output);
    }

    [Fact]
    public void ExecJoinsEverything()
    {
        using RunningContainer container = bundle.StartSleeping();
        (int code, string output) = TestBundle.Exec(
            container, TestBundle.Shell("hostname; grep -c berth-test /proc/self/cgroup; ls /proc | grep -c '^[0-9]'; ls /proc/self/fd | tr '\\n' ' '; for n in mnt uts ipc net pid cgroup; do [ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] || echo $n; done; exit 3"));
        Assert.Equal(3, code);
        string[] lines = output.Split('\n');
        Assert.Equal(["berth-host", JoinedHierarchies], lines[..2]);
        Assert.Equal("0 1 2 3 ", lines[3]);
        (_, output) = TestBundle.Exec(container, TestBundle.Shell("tty; stty size") with { Terminal = true, ConsoleSize = new ConsoleSize(10, 20) });
        Assert.Equal("/dev/pts/0\r\n10 20\r\n", output);
        TestBundle.Stop(container);
    }

    [Theory]
    [InlineData("foo", StartFailure.CommandNotFound, "exec: \"foo\": executable file not found in $PATH: unknown")]
    [InlineData("/nosuch", StartFailure.CommandNotFound, "exec: \"/nosuch\": stat /nosuch: no such file or directory: unknown")]
    [InlineData("/etc/passwd", StartFailure.CommandNotExecutable, "exec: \"/etc/passwd\": permission denied: unknown")]
    [InlineData("/tmp", StartFailure.CommandNotExecutable, "exec: \"/tmp\": permission denied: unknown")]
    [InlineData("./x", StartFailure.CommandNotFound, "exec: \"./x\": stat ./x: no such file or directory: unknown")]
    public void BadCommandsFailInDockersWords(string command, StartFailure failure, string message)
    {
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(bundle.Spec(TestBundle.Process(command))));
        Assert.Equal(failure, e.Failure);
        Assert.Contains(message, e.Message);
        Assert.Empty(bundle.CgroupFolders());

        using RunningContainer container = bundle.StartSleeping();
        e = Assert.Throws<ContainerStartException>(() => TestBundle.Exec(container, TestBundle.Process(command)));
        Assert.Equal(failure, e.Failure);
        Assert.Contains(message, e.Message);
        TestBundle.Stop(container);
    }

    [Fact]
    public void AMissingWorkingFolderIsMadeAtTheStartButNotForExec()
    {
        (_, string output) = bundle.Run(bundle.Spec(TestBundle.Process("pwd") with { Cwd = "/a/b/c" }));
        Assert.Equal("/a/b/c\n", output);
        using RunningContainer container = bundle.StartSleeping();
        var e = Assert.Throws<ContainerStartException>(() => TestBundle.Exec(container, TestBundle.Process("pwd") with { Cwd = "/nosuchdir" }));
        Assert.Contains("chdir to cwd (\"/nosuchdir\") set in config.json failed: no such file or directory", e.Message);
        TestBundle.Stop(container);
    }

    [Fact]
    public void WhatTheHostMayNotDoIsNamed()
    {
        if (HostAbilities.CanRaiseLimits)
            return; // the refusal needs a process without CAP_SYS_RESOURCE
        ulong hard = HostAbilities.HardLimit("RLIMIT_NOFILE");
        var e = Assert.Throws<ContainerStartException>(
            () => bundle.Run(bundle.Spec(TestBundle.Process("true") with { Rlimits = [new RlimitSpec("RLIMIT_NOFILE", hard + 1, hard)] })));
        Assert.Contains("RLIMIT_NOFILE", e.Message);
        Assert.Contains("CAP_SYS_RESOURCE", e.Message);
        Assert.Equal(hard + "\n", bundle.Run(bundle.Spec(TestBundle.Shell("ulimit -Hn") with { Rlimits = [new RlimitSpec("RLIMIT_NOFILE", hard, 10)] })).Output);
        Assert.Contains("oom_score_adj", Assert.Throws<ContainerStartException>(
            () => bundle.Run(bundle.Spec(TestBundle.Process("true") with { OomScoreAdj = -900 }))).Message);
    }

    [Fact]
    public void SysctlsOfOwnNamespacesAreSetAndOthersRefused()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("cat", "/proc/sys/net/ipv4/ip_default_ttl", "/proc/sys/kernel/shmmni"));
        (_, string output) = bundle.Run(spec with
        {
            Linux = spec.Linux! with { Sysctl = new() { ["net.ipv4.ip_default_ttl"] = "77", ["kernel.shmmni"] = "99" } },
        });
        Assert.Equal("77\n99\n", output);
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec with { Linux = spec.Linux with { Sysctl = new() { ["kernel.panic"] = "1" } } }));
        Assert.Contains("kernel.panic", e.Message);
    }
}
