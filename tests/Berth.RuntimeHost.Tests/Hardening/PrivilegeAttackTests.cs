using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Seccomp;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>Rows 7 to 9 and 11 to 13: more rights than were given.</summary>
public sealed class PrivilegeAttackTests : AttackTest
{
    private const string Sets = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | cut -f2 | tr '\\n' ' '";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Attack07_RunAndExecHaveTheSetsAskedForAndNoneInheritable(bool noNewPrivileges)
    {
        // CAP_CHOWN, CAP_KILL, CAP_NET_BIND_SERVICE: bits 0, 5, 10. In the order inheritable, permitted, effective, bounding, ambient.
        SetCapabilities("CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE");
        Change(spec => spec["process"]!["noNewPrivileges"] = noNewPrivileges);
        string expected = $"0000000000000000 0000000000000421 0000000000000421 0000000000000421 0000000000000000 {(noNewPrivileges ? 1 : 0)} 0 ";
        Assert.Equal(expected, RunScript(Sets).Output);
        SetProgram("sleep", "1000");
        string id = NewId();
        _ = Expect(0, "run", "--detach", id);
        Assert.Equal(expected, Expect(0, "exec", id, "sh", "-c", Sets).Output);

        // Another user keeps nothing but the bounding set.
        expected = $"0000000000000000 0000000000000000 0000000000000000 0000000000000421 0000000000000000 {(noNewPrivileges ? 1 : 0)} 0 ";
        Assert.Equal(expected, Expect(0, "exec", "--user", "1000:1000", id, "sh", "-c", Sets).Output);
    }

    [Fact]
    public void Attack07_AmbientOnesAreThoseAskedForAlone()
    {
        SetCapabilities("CAP_CHOWN", "CAP_KILL");
        Change(static spec =>
        {
            spec["process"]!["capabilities"]!["ambient"] = new JsonArray("CAP_KILL");
            spec["process"]!["user"] = new JsonObject { ["uid"] = 1000, ["gid"] = 1000 };
        });
        Assert.Equal("0000000000000020 0000000000000020 0000000000000020 0000000000000021 0000000000000020 1 0 ", RunScript(Sets).Output);
    }

    [Fact]
    public void Attack07_NoNewPrivilegesHoldsForASetuidProgram()
    {
        Directory.CreateDirectory(Path.Combine(Rootfs, "suid"));
        File.Copy(Programs.Busybox, Path.Combine(Rootfs, "suid", "busybox"));
        File.SetUnixFileMode(Path.Combine(Rootfs, "suid", "busybox"), UnixFileMode.SetUser | (UnixFileMode)0b111_101_101);
        Change(static spec => spec["process"]!["user"] = new JsonObject { ["uid"] = 1000, ["gid"] = 1000 });
        Assert.Contains("Uid:\t1000\t1000\t1000\t1000\n", RunScript("/suid/busybox cat /proc/self/status").Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("uid", "4294967296")]
    [InlineData("uid", "4294967295")]
    [InlineData("gid", "4294967295")]
    [InlineData("uid", "-1")]
    [InlineData("uid", "\"0\"")]
    [InlineData("uid", "0.5")]
    [InlineData("additionalGids", "[4294967295]")]
    [InlineData("additionalGids", "[18446744073709551616]")]
    public void Attack08_NumbersNeverWrap(string field, string value)
    {
        Change(spec => spec["process"]!["user"]![field] = JsonNode.Parse(value));
        Outcome outcome = RunScript("id");
        Assert.Equal((1, ""), (outcome.Code, outcome.Output));
        Assert.Contains("process.user", outcome.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("link")]
    [InlineData("fifo")]
    [InlineData("device")]
    [InlineData("huge")]
    [InlineData("folder")]
    public void Attack09_APasswdThatIsNoFileOfTheImage(string kind)
    {
        // Looked at for HOME, by run and by exec, where the container may put anything there at any time.
        SetProgram("sleep", "1000");
        string id = NewId(), passwd = Path.Combine(Rootfs, "etc", "passwd");
        _ = Expect(0, "run", "--detach", id);
        File.WriteAllText(Victim + "/file", "root:x:0:0:root:/secret-home:/bin/sh\n");
        switch (kind)
        {
            case "link":
                File.CreateSymbolicLink(passwd, Climbing + "/file");
                break;
            case "huge":
                using (FileStream file = File.Create(passwd))
                    file.SetLength(10L << 30);
                break;
            default:
                Assert.Equal(0, Programs.Run(Programs.Busybox, kind switch { "fifo" => ["mkfifo", passwd], "device" => ["mknod", passwd, "c", "1", "5"], _ => ["mkdir", passwd] }).Code);
                break;
        }

        var clock = Stopwatch.StartNew();
        Outcome added = Runtime("exec", id, "sh", "-c", "echo $HOME"), run = RunScript("echo $HOME");
        Assert.True(clock.Elapsed.TotalSeconds < 30, $"took {clock.Elapsed}");
        foreach (Outcome outcome in (Outcome[])[added, run])
        {
            Assert.DoesNotContain("secret", outcome.Output, StringComparison.Ordinal);
            if (kind == "link")
                Assert.Equal("/\n", outcome.Output);
            else
                Assert.Contains("/etc/passwd in the root file system", outcome.Errors, StringComparison.Ordinal);
        }

        File.WriteAllText(Victim + "/file", "untouched");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Attack11_ControlGroupsCannotBeEscapedFrom(bool withSysAdmin)
    {
        // Even with the capability of mounting: what is there is read-only, new mounts show the container's own cgroup, and release_agent is not in it.
        string[] capabilities = withSysAdmin ? ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_CHOWN"] : ["CAP_DAC_OVERRIDE", "CAP_CHOWN"];
        SetCapabilities(capabilities);
        SetDefaultSeccomp(capabilities);
        Outcome outcome = RunScript($$"""
            for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/release_agent /sys/fs/cgroup/*/notify_on_release /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do
                [ ! -e $f ] || ! echo 1 > $f || echo wrote $f
            done 2> /dev/null
            for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir $d/new 2> /dev/null && echo made $d/new; done
            mkdir -p /tmp/c
            for c in memory pids rdma cpu devices; do
                mount -t cgroup -o $c none /tmp/c 2> /dev/null || continue
                {{(withSysAdmin ? "" : "echo mounted $c")}}
                [ -e /tmp/c/release_agent ] && echo /bin/true > /tmp/c/release_agent 2> /dev/null && echo wrote agent of $c
                umount /tmp/c
            done
            true
            """);
        Assert.Equal((0, ""), (outcome.Code, outcome.Output));
        if (!withSysAdmin)
            Assert.Equal("", RunScript("for n in U m n p i u C; do unshare -$n true 2> /dev/null && echo made $n; done; true").Output);
    }

    [Fact]
    public void Attack12_TheFilterIsInForceForRunAndExec()
    {
        SetDefaultSeccomp("CAP_KILL");
        Assert.EndsWith(" 1 2 ", RunScript(Sets).Output, StringComparison.Ordinal);
        SetProgram("sleep", "1000");
        string id = NewId();
        _ = Expect(0, "run", "--detach", id);
        Assert.EndsWith(" 1 2 ", Expect(0, "exec", id, "sh", "-c", Sets).Output, StringComparison.Ordinal);
        Assert.Contains("Operation not permitted", Expect(1, "exec", "--cap", "CAP_SYS_ADMIN", id, "unshare", "-U", "true").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Attack13_TheRuntimeHasNoAbstractSocket()
    {
        // In the host's network namespace a container reaches abstract sockets of all its programs.
        Change(static spec =>
        {
            JsonArray namespaces = spec["linux"]!["namespaces"]!.AsArray();
            namespaces.Remove(namespaces.Single(static n => n!["type"]!.GetValue<string>() == "network"));
            spec["mounts"]!.AsArray().Remove(spec["mounts"]!.AsArray().Single(static m => m!["destination"]!.GetValue<string>() == "/sys"));
        });
        RemoveMounts("/sys");
        string[] before = Abstract();
        string created = Created();
        SetProgram("cat", "/proc/net/unix");
        string[] during = [.. Expect(0, "run", NewId()).Output.Split('\n').Where(static l => l.Contains('@', StringComparison.Ordinal)).Select(static l => l[l.IndexOf('@', StringComparison.Ordinal)..])];
        Assert.DoesNotContain(during.Concat(Abstract()).Except(before), static name => name.Contains("berth", StringComparison.OrdinalIgnoreCase) || name.Contains("dotnet", StringComparison.OrdinalIgnoreCase));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(State));
        Assert.All(Directory.GetFiles(Path.Combine(State, created)), static file => Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(file) & (UnixFileMode)0b000_111_111));
    }

    private static string[] Abstract() =>
        [.. File.ReadAllLines("/proc/net/unix").Where(static l => l.Contains('@', StringComparison.Ordinal)).Select(static l => l[l.IndexOf('@', StringComparison.Ordinal)..])];

    private void SetDefaultSeccomp(params string[] capabilities)
    {
        SeccompSpec filter = DefaultProfile.Create(capabilities.ToHashSet(), RuntimeInformation.ProcessArchitecture, Environment.OSVersion.Version);
        Change(spec => spec["linux"]!["seccomp"] = JsonNode.Parse(JsonSerializer.Serialize(filter, RuntimeSpecJsonContext.Default.GetTypeInfo(typeof(SeccompSpec))!)));
    }
}
