using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;
using Berth.Runtime.Init;
using Berth.Runtime.Tests.Host;
using Berth.Runtime.Tests.Seccomp;

namespace Berth.Runtime.Tests.Init;

/// <summary>Fields of <c>process</c> as the started program sees them.</summary>
public sealed class ProcessFieldsTests : IDisposable
{
    private const string Stat = "cut -d' ' -f18,19,40,41 /proc/self/stat"; // priority, nice, rt_priority, policy

    private readonly TestBundle bundle = new();

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    [Theory]
    [InlineData("SCHED_OTHER", 7, "27 7 0 0\n")]
    [InlineData("SCHED_OTHER", -5, "15 -5 0 0\n")]
    [InlineData("SCHED_BATCH", 3, "23 3 0 3\n")]
    public void SchedulerIsSet(string policy, int nice, string expected)
    {
        ProcessSpec process = TestBundle.Shell(Stat) with { Scheduler = new SchedulerSpec { Policy = policy, Nice = nice } };
        Assert.Equal(expected, bundle.Run(bundle.Spec(process)).Output);
    }

    [Fact]
    public void TheIdlePolicyHasNoNiceValue()
    {
        ProcessSpec process = TestBundle.Shell(Stat) with { Scheduler = new SchedulerSpec { Policy = "SCHED_IDLE" } };
        Assert.EndsWith(" 0 5\n", bundle.Run(bundle.Spec(process)).Output);
    }

    [Fact]
    public void RealTimeIsSetOrRefusedByName()
    {
        ProcessSpec process = TestBundle.Shell(Stat) with { Scheduler = new SchedulerSpec { Policy = "SCHED_FIFO", Priority = 3, Flags = ["SCHED_FLAG_RESET_ON_FORK"] } };
        try
        {
            // The shell is real-time; what it starts is not.
            Assert.Equal("20 0 0 0\n", bundle.Run(bundle.Spec(process)).Output);
        }
        catch (ContainerStartException e)
        {
            Assert.Contains("setting scheduler SCHED_FIFO with priority 3 (", e.Message); // a kernel that wants the cgroup to have a real-time share
        }
    }

    public static TheoryData<SchedulerSpec, string> BadSchedulers => new()
    {
        { new SchedulerSpec { Policy = "" }, "scheduler.policy" },
        { new SchedulerSpec { Policy = "SCHED_FAST" }, "scheduler.policy: \"SCHED_FAST\" is not known; known are SCHED_OTHER" },
        { new SchedulerSpec { Policy = "SCHED_OTHER", Nice = 20 }, "scheduler.nice 20" },
        { new SchedulerSpec { Policy = "SCHED_BATCH", Nice = -21 }, "scheduler.nice -21" },
        { new SchedulerSpec { Policy = "SCHED_OTHER", Priority = 1 }, "scheduler.priority" },
        { new SchedulerSpec { Policy = "SCHED_FIFO", Priority = 1, Deadline = 5 }, "scheduler.runtime, deadline and period" },
        { new SchedulerSpec { Policy = "SCHED_OTHER", Flags = ["SCHED_FLAG_X"] }, "scheduler.flags: \"SCHED_FLAG_X\"" },
        { new SchedulerSpec { Policy = "SCHED_ISO" }, "setting scheduler SCHED_ISO" },
        { new SchedulerSpec { Policy = "SCHED_FIFO", Priority = 100 }, "setting scheduler SCHED_FIFO with priority 100" },
        { new SchedulerSpec { Policy = "SCHED_DEADLINE", Runtime = 10, Deadline = 5, Period = 5 }, "setting scheduler SCHED_DEADLINE with runtime 10, deadline 5, period 5 ns" },
    };

    [Theory]
    [MemberData(nameof(BadSchedulers))]
    public void ImpossibleSchedulersAreRefusedByName(SchedulerSpec scheduler, string says) =>
        Refused(bundle.Spec(TestBundle.Process("true") with { Scheduler = scheduler }), says);

    [Theory]
    [InlineData("IOPRIO_CLASS_BE", 6, "best-effort: prio 6\n")]
    [InlineData("IOPRIO_CLASS_RT", 0, "realtime: prio 0\n")]
    [InlineData("IOPRIO_CLASS_IDLE", 0, "idle\n")]
    public void IoPriorityIsSet(string ioClass, int priority, string expected)
    {
        ProcessSpec process = TestBundle.Shell("ionice -p $$") with { IoPriority = new IoPrioritySpec { Class = ioClass, Priority = priority } };
        Assert.Equal(expected, bundle.Run(bundle.Spec(process)).Output);
    }

    [Theory]
    [InlineData("IOPRIO_CLASS_BE", 8, "ioPriority.priority 8")]
    [InlineData("IOPRIO_CLASS_BE", -1, "ioPriority.priority -1")]
    [InlineData("IOPRIO_CLASS_NONE", 0, "ioPriority.class: \"IOPRIO_CLASS_NONE\"")]
    [InlineData("", 0, "ioPriority.class")]
    public void ImpossibleIoPrioritiesAreRefusedByName(string ioClass, int priority, string says) =>
        Refused(bundle.Spec(TestBundle.Process("true") with { IoPriority = new IoPrioritySpec { Class = ioClass, Priority = priority } }), says);

    [Fact]
    public void PersonalityIsSet()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("cat /proc/self/personality"));
        Assert.Equal("00000008\n", bundle.Run(With("LINUX32")).Output);
        Assert.Equal("00000000\n", bundle.Run(With("LINUX")).Output);
        Refused(With("SOLARIS"), "linux.personality.domain: \"SOLARIS\"");
        Refused(With("LINUX", "ADDR_NO_RANDOMIZE"), "linux.personality.flags: \"ADDR_NO_RANDOMIZE\"");

        RuntimeSpec With(string domain, params string[] flags) => spec with { Linux = spec.Linux! with { Personality = new PersonalitySpec { Domain = domain, Flags = flags } } };
    }

    [Fact]
    public void AffinityIsForAddedProcesses()
    {
        const string Show = "grep Cpus_allowed_list /proc/self/status | cut -f2";
        var affinity = new CpuAffinitySpec { Initial = "0", Final = "1" };
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("sleep", "1000") with { ExecCpuAffinity = affinity });
        RunningContainer container = bundle.StartSleeping(spec);
        try
        {
            string all = TestBundle.Exec(container, TestBundle.Shell(Show)).Output;
            Assert.Equal(all.TrimEnd(), File.ReadLines($"/proc/{container.Pid}/status").First(l => l.StartsWith("Cpus_allowed_list")).Split('\t')[1]);
            Assert.Equal("0\n", TestBundle.Exec(container, TestBundle.Shell(Show) with { ExecCpuAffinity = new CpuAffinitySpec { Initial = "0" } }).Output);
            if (Environment.ProcessorCount > 1)
                Assert.Equal("1\n", TestBundle.Exec(container, TestBundle.Shell(Show) with { ExecCpuAffinity = affinity }).Output);
            var e = Assert.Throws<ContainerStartException>(
                () => TestBundle.Exec(container, TestBundle.Shell(Show) with { ExecCpuAffinity = new CpuAffinitySpec { Final = "1-0" } }));
            Assert.Contains("execCPUAffinity.final \"1-0\"", e.Message);
        }
        finally
        {
            TestBundle.Stop(container);
        }
    }

    [Fact]
    public void LabelsWithoutTheirModuleAreRefused()
    {
        // Where the kernel has the module, such a profile or label is unknown to it: an error as well.
        Refused(bundle.Spec(TestBundle.Process("true") with { ApparmorProfile = "no-such-profile" }), "no-such-profile");
        Refused(bundle.Spec(TestBundle.Process("true") with { SelinuxLabel = "no:such:label:s0" }), "no:such:label:s0");
    }

    [Theory]
    [InlineData(0u, "755\n")]
    [InlineData(0x3Fu, "700\n")]
    [InlineData(0xFFFFFE3Fu, "700\n")] // umask(2) looks at the permissions alone
    public void UmaskIsSet(uint umask, string expected)
    {
        ProcessSpec process = TestBundle.Shell("mkdir /d; stat -c %a /d");
        Assert.Equal(umask == 0 ? expected : "700\n", bundle.Run(bundle.Spec(umask == 0 ? process : process with { User = new UserSpec { Umask = umask } })).Output);
    }

    [Fact]
    public void TheFiveSetsAreAsAsked()
    {
        string[] two = ["CAP_CHOWN", "CAP_KILL"], one = ["CAP_KILL"];
        var sets = new CapabilitiesSpec { Bounding = two, Permitted = two, Effective = one, Inheritable = two, Ambient = one };
        ProcessSpec process = TestBundle.Shell("grep ^Cap /proc/self/status | cut -f2 | cut -c9-") with { Capabilities = sets, User = new UserSpec { Uid = 7, Gid = 8, AdditionalGids = [9, 10] } };
        Assert.Equal("00000021\n00000020\n00000020\n00000021\n00000020\n", bundle.Run(bundle.Spec(process)).Output);
        Assert.Equal("uid=7 gid=8 groups=9,10\n", bundle.Run(bundle.Spec(process with { Args = ["/bin/sh", "-c", "id"] })).Output.Replace(",8", "", StringComparison.Ordinal));
        Refused(bundle.Spec(process with { Capabilities = sets with { Permitted = one, Effective = two } }), "effective capabilities CAP_CHOWN");
        Refused(bundle.Spec(process with { Capabilities = sets with { Permitted = [], Effective = [] } }), "ambient capabilities CAP_KILL");
    }

    [Fact]
    public void UnknownCapabilitiesAreNamedAndLeftOut()
    {
        var sets = new CapabilitiesSpec { Bounding = ["CAP_KILL", "CAP_FLY"], Effective = ["CAP_FLY"], Permitted = ["CAP_SWIM"] };
        Assert.Equal(["CAP_FLY", "CAP_SWIM"], Credentials.Missing(sets));
        ProcessSpec process = TestBundle.Shell("grep ^CapBnd /proc/self/status | cut -f2") with { Capabilities = sets };
        Assert.Equal("0000000000000020\n", bundle.Run(bundle.Spec(process)).Output);
    }

    [Fact]
    public void TheLargestNumberIsNoUser()
    {
        // setresuid(2) would keep root for it.
        Refused(bundle.Spec(TestBundle.Process("id") with { User = new UserSpec { Uid = uint.MaxValue } }), "4294967295 is no user");
        Refused(bundle.Spec(TestBundle.Process("id") with { User = new UserSpec { Gid = uint.MaxValue } }), "4294967295 is no user");
        Refused(bundle.Spec(TestBundle.Process("id") with { User = new UserSpec { AdditionalGids = [uint.MaxValue] } }), "4294967295 is no user");
        Assert.Equal("4294967294\n", bundle.Run(bundle.Spec(TestBundle.Process("id", "-u") with { User = new UserSpec { Uid = uint.MaxValue - 1 } })).Output);
    }

    [Theory]
    [InlineData(new string[0], "/home/seven\n")]
    [InlineData(new[] { "HOME=" }, "/home/seven\n")]
    [InlineData(new[] { "HOME=/x" }, "/x\n")]
    [InlineData(new[] { "HOME=", "HOME=/y" }, "/y\n")]
    public void HomeComesFromPasswd(string[] more, string expected)
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "etc"));
        File.WriteAllText(Path.Combine(bundle.Image, "etc/passwd"), "root:x:0:0::/root:/bin/sh\nseven:x:7:7::/home/seven:/bin/sh\n");
        ProcessSpec process = TestBundle.Shell("echo $HOME");
        Assert.Equal(expected, bundle.Run(bundle.Spec(process with { User = new UserSpec { Uid = 7 }, Env = [.. process.Env!, .. more] })).Output);
    }

    [Fact]
    public void TheSearchPassesOverFolders()
    {
        Directory.CreateDirectory(Path.Combine(bundle.Image, "first/hello"));
        Directory.CreateDirectory(Path.Combine(bundle.Image, "second"));
        string script = Path.Combine(bundle.Image, "second/hello");
        File.WriteAllText(script, "#!/bin/sh\necho found\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        ProcessSpec process = TestBundle.Process("hello") with { Env = ["PATH=/none:/first:/second:/bin"] };
        Assert.Equal("found\n", bundle.Run(bundle.Spec(process)).Output);
    }

    [Theory]
    [InlineData(7u)]
    [InlineData(8u)]
    public void AWorkingFolderThatRootMayNotEnterIsTriedByTheUser(uint uid)
    {
        string folder = Path.Combine(bundle.Folder, "private"), inner = Path.Combine(folder, "inner");
        Directory.CreateDirectory(inner);
        File.SetUnixFileMode(bundle.Folder, (UnixFileMode)0x1ED);
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        using (FileDescriptor file = Paths.OpenFolder(folder))
            FileAttributeCalls.SetOwner(file, 7, 7);

        // Root without CAP_DAC_OVERRIDE is what NFS makes of every root: only CAP_SETUID stays.
        SyscallNumbers calls = SyscallNumbers.Current;
        using var plan = new SyscallPlan();
        plan.Call("dropping capabilities", calls.Capset, plan.Words(0x20080522), plan.Words(0x80_0000_0080, 0, 0));
        PlanRegister register = ProgramStart.AddWorkingFolder(plan, inner, userMayDoBetter: true);
        plan.Call("user", calls.Setresuid, (nint)uid, (nint)uid, (nint)uid);
        ProgramStart.AddWorkingFolderAgain(plan, inner, register);
        plan.Call("exit", calls.ExitGroup, 0);
        if (uid == 7)
            FilteredCallsTests.Run(plan);
        else
            Assert.Equal((Errno.EACCES, "chdir:" + inner), Assert.Throws<PlanFailedException>(() => FilteredCallsTests.Run(plan)) is var e ? (e.Errno, e.Step) : default);
    }

    [Fact]
    public void AllSixteenLimitsAreSet()
    {
        string[] names = ["CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"];
        RlimitSpec[] limits = [.. names.Select((name, i) =>
        {
            // Under the host's own, as these can only be lowered without CAP_SYS_RESOURCE; and enough to run a shell.
            ulong hard = Math.Min(HostAbilities.HardLimit("RLIMIT_" + name), 1UL << 33);
            return new RlimitSpec("RLIMIT_" + name, hard - (hard > 64 ? (ulong)i : 0), hard - (hard > 64 ? (ulong)i + 1 : 0));
        })];
        (_, string output) = bundle.Run(bundle.Spec(TestBundle.Shell("tail -n +2 /proc/self/limits | cut -c26-67") with { Rlimits = limits }));
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(16, lines.Length);
        for (int i = 0; i < 16; i++)
            Assert.Equal($"{limits[i].Soft} {limits[i].Hard}", string.Join(' ', lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Refused(With(new RlimitSpec("RLIMIT_CORE", 1, 1), new RlimitSpec("RLIMIT_CORE", 0, 0)), "RLIMIT_CORE is given twice");
        Refused(With(new RlimitSpec("RLIMIT_FUN", 1, 1)), "unknown resource limit 'RLIMIT_FUN'");
        Refused(With(new RlimitSpec("RLIMIT_CORE", 1, 2)), "soft 2 is above hard 1");

        RuntimeSpec With(params RlimitSpec[] some) => bundle.Spec(TestBundle.Process("true") with { Rlimits = some });
    }

    [Fact]
    public void SysctlsOfTheHostnameAreRefused() => Refused(
        bundle.Spec(TestBundle.Process("true")) is var spec ? spec with { Linux = spec.Linux! with { Sysctl = new() { ["kernel.hostname"] = "x" } } } : spec,
        "conflicts with the \"hostname\" field");

    [Fact]
    public void ScoresOutOfRangeAreRefused() => Refused(bundle.Spec(TestBundle.Process("true") with { OomScoreAdj = 1001 }), "oomScoreAdj 1001");

    [Fact]
    public void NoArgumentsAreRefused() => Refused(bundle.Spec(TestBundle.Process()), "no command specified");

    private void Refused(RuntimeSpec spec, params string[] says)
    {
        var e = Assert.Throws<ContainerStartException>(() => bundle.Run(spec));
        Assert.True(says.Any(text => e.Message.Contains(text, StringComparison.Ordinal)), e.Message);
    }
}
