using System.Globalization;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>What a container's process may see and do, looked at from inside. Numbers are those of the project's list of attacks.</summary>
public sealed class SecurityTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const ulong DockersCapabilities = 0xa80425fb;

    [Fact]
    public async Task Attack02_NoDescriptorOfTheHostIsInherited()
    {
        string[] wanted = ["0", "1", "2", "3"]; // 3 is the listing's own
        Assert.Equal(wanted, (await InsideAsync("ls", "/proc/self/fd")).Split('\n'));
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sleep", "1000")).Expect();
        Assert.Equal(wanted, (await fixture.Berth.RunAsync("exec", name, "ls", "/proc/self/fd")).Expect().Line.Split('\n'));
        (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();
    }

    [Fact]
    public async Task Attack02_AWorkingDirectoryBehindADescriptorIsRefused()
    {
        for (int descriptor = 3; descriptor < 20; descriptor++)
        {
            string folder = "/proc/self/fd/" + descriptor.ToString(CultureInfo.InvariantCulture);
            CommandResult result = await fixture.Berth.RunAsync("run", "--rm", "--network", "none", "-w", folder, "busybox", "cat", "etc/hostname", "../../../etc/shadow");
            Assert.True(result.ExitCode is 126 or 127 or 125, $"{folder}: {result.ExitCode}\n{result.Output}\n{result.Error}");
            Assert.Equal("", result.Output);
        }
    }

    [Fact]
    public async Task Attack07_CapabilitiesAreDockersDefault()
    {
        ulong host = Mask(await File.ReadAllTextAsync("/proc/self/status"), "CapBnd");
        string status = await InsideAsync("cat", "/proc/self/status");
        ulong wanted = DockersCapabilities & host;
        Assert.Equal((wanted, wanted, wanted), (Mask(status, "CapBnd"), Mask(status, "CapPrm"), Mask(status, "CapEff")));
        Assert.Equal((0ul, 0ul), (Mask(status, "CapInh"), Mask(status, "CapAmb")));
        string user = await InsideAsync("-u", "nobody", "cat", "/proc/self/status");
        Assert.Equal((wanted, 0ul, 0ul), (Mask(user, "CapBnd"), Mask(user, "CapPrm"), Mask(user, "CapEff")));
        string none = await InsideAsync("--cap-drop", "ALL", "--cap-add", "CHOWN", "cat", "/proc/self/status");
        Assert.Equal((1ul, 1ul), (Mask(none, "CapBnd"), Mask(none, "CapEff")));
    }

    [Fact]
    public async Task Attack07_NoNewPrivilegesHolds()
    {
        string status = await InsideAsync("--security-opt", "no-new-privileges", "cat", "/proc/self/status");
        Assert.Contains("NoNewPrivs:\t1", status, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("4294967296")]
    [InlineData("2147483648")]
    [InlineData("0:foo")]
    [InlineData("no-such-user")]
    public async Task Attack08_AUserThatDoesNotExistIsNobodyElse(string user)
    {
        CommandResult result = await fixture.Berth.RunAsync("run", "--rm", "--network", "none", "-u", user, "busybox", "id");
        Assert.NotEqual(0, result.ExitCode);
        Assert.Equal("", result.Output);
    }

    [Fact]
    public async Task Attack12_SystemCallsAreFiltered()
    {
        Assert.Contains("Seccomp:\t2", await InsideAsync("cat", "/proc/self/status"), StringComparison.Ordinal);
        Assert.Contains("Seccomp:\t0", await InsideAsync("--security-opt", "seccomp=unconfined", "cat", "/proc/self/status"), StringComparison.Ordinal);
        CommandResult namespaces = await RunAsync("unshare", "-U", "true");
        Assert.NotEqual(0, namespaces.ExitCode);
        Assert.Contains("Operation not permitted", namespaces.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task KernelInterfacesAreMaskedOrReadOnly()
    {
        Assert.Equal("0", await InsideAsync("sh", "-c", "head -c 16 /proc/kcore 2>/dev/null | wc -c"));
        Assert.Equal("0", await InsideAsync("sh", "-c", "ls -A /sys/firmware | wc -l"));
        foreach (string path in (string[])["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper"])
        {
            CommandResult result = await RunAsync("sh", "-c", $"echo x >{path}");
            Assert.True(result.ExitCode != 0, path + " was written");
        }

        Assert.Contains("ro", (await InsideAsync("grep", " /sys ", "/proc/mounts")).Split(' ')[3].Split(','));
    }

    [Fact]
    public async Task Attack11_ControlGroupsCannotBeWritten()
    {
        CommandResult result = await RunAsync("sh", "-c", "for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/release_agent; do [ ! -e $f ] || ! echo x >$f || exit 9; done 2>/dev/null; mkdir /sys/fs/cgroup/pids/x 2>/dev/null && exit 9; exit 0");
        result.Expect();
        Assert.NotEqual(0, (await RunAsync("mount", "-t", "cgroup", "-o", "pids", "none", "/tmp")).ExitCode);
    }

    [Fact]
    public async Task ProcessesOfTheHostAreNotSeen()
    {
        Assert.Equal("1", await InsideAsync("sh", "-c", "echo $$"));
        Assert.DoesNotContain("berthd", await InsideAsync("ps"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task DevicesAreTheUsualOnes()
    {
        string[] wanted = ["fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"];
        wanted = File.Exists("/proc/kcore") ? ["core", .. wanted] : wanted;
        Assert.Equal(wanted, (await InsideAsync("ls", "/dev")).Split('\n'));
        Assert.NotEqual(0, (await RunAsync("sh", "-c", "mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg")).ExitCode);
    }

    /// <summary>With the host's network namespace a container would reach abstract sockets; there are none, and paths are for root alone.</summary>
    [Fact]
    public async Task Attack13_NoSocketIsOpenToOthers()
    {
        string name = fixture.NewName();
        (await fixture.Berth.RunAsync("run", "-d", "--network", "host", "--name", name, "busybox", "sleep", "1000")).Expect();
        Assert.DoesNotContain(await File.ReadAllLinesAsync("/proc/net/unix"), static line => line.Contains('@') && line.Contains("berth", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(fixture.Daemon.SocketPath) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute));
        string[] sockets = Directory.GetFiles(Path.Combine(fixture.Daemon.ExecRoot, "shims"));
        Assert.NotEmpty(sockets);
        Assert.All(sockets, static path => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path)));
        (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();
    }

    [Fact]
    public void Attack26_TheRootsAreForRootAlone()
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(fixture.Daemon.DataRoot) & Others);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(fixture.Daemon.ExecRoot) & Others);
    }

    /// <summary>A program that replaces itself by the runtime finds nothing to overwrite.</summary>
    [Fact]
    public async Task Attack01_TheRuntimesExecutableStaysAsItIs()
    {
        string runtime = Path.Combine(Binaries.Folder, "berth-runtime");
        byte[] before = await File.ReadAllBytesAsync(runtime);
        string name = fixture.NewName();
        const string Attack = "printf '#!/proc/self/exe\\n' >/bin/evil; chmod +x /bin/evil; "
            + "i=0; while [ $i -lt 300 ]; do for p in /proc/[0-9]*; do echo x 2>/dev/null >>$p/exe; done; i=$((i+1)); done; sleep 1000";
        (await fixture.Berth.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sh", "-c", Attack)).Expect();
        for (int i = 0; i < 20; i++)
        {
            CommandResult result = await fixture.Berth.RunAsync("exec", name, "/bin/evil");
            Assert.NotEqual(0, result.ExitCode);
        }

        (await fixture.Berth.RunAsync("rm", "-f", name)).Expect();
        Assert.Equal(before, await File.ReadAllBytesAsync(runtime));
    }

    private static ulong Mask(string status, string field) =>
        ulong.Parse(status.Split('\n').Single(line => line.StartsWith(field + ":", StringComparison.Ordinal)).Split('\t')[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    // Flags of run come before the image: the first word without a dash that is no flag's value begins the command.
    private async Task<string> InsideAsync(params string[] args) => (await RunAsync(args)).Expect().Line;

    private Task<CommandResult> RunAsync(params string[] args)
    {
        int command = 0;
        while (args[command].StartsWith('-'))
        {
            command += 2;
        }

        return fixture.Berth.RunAsync([.. (string[])["run", "--rm", "--network", "none"], .. args[..command], "busybox", .. args[command..]], stdin: null);
    }
}
