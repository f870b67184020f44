using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Host;

namespace Berth.Runtime.Tests.Host;

/// <summary>Containers that wait for their start.</summary>
[Collection(nameof(AloneCollection))]
public sealed class CreateTests : IDisposable
{
    private readonly TestBundle bundle = new();

    public void Dispose()
    {
        Assert.Empty(bundle.CgroupFolders());
        bundle.Dispose();
    }

    [Fact]
    public void TheProcessWaitsForTheByteAndThenRuns()
    {
        using Creation made = Creation.Make(bundle, bundle.Spec(TestBundle.Shell("echo $$ ran; cat /proc/self/status | grep NoNew; exit 4") with { NoNewPrivileges = true }));
        Assert.True(SpinWait.SpinUntil(() => made.Status("State") == "S (sleeping)", 5000));
        Assert.Equal(ProcessStat.TryRead(made.Container.Pid)!.Value.StartTime, made.Container.StartTime);
        Assert.Equal((4, "1 ran\nNoNewPrivs:\t1\n"), made.Finish());
    }

    [Fact]
    public void EverythingButTheProgramIsDoneBefore()
    {
        ProcessSpec process = TestBundle.Process("sleep", "100") with { User = new UserSpec { Uid = 1000, Gid = 1001 }, NoNewPrivileges = true };
        RuntimeSpec spec = bundle.Spec(process);
        var filter = new SeccompSpec { DefaultAction = "SCMP_ACT_ALLOW", Syscalls = [new SeccompRule { Names = ["mkdir"], Action = "SCMP_ACT_ERRNO" }] };
        using Creation made = Creation.Make(bundle, spec with { Linux = spec.Linux! with { Seccomp = filter } });
        Assert.Equal(("1000\t1000\t1000\t1000", "1001\t1001\t1001\t1001", "2", "1"), (made.Status("Uid"), made.Status("Gid"), made.Status("Seccomp"), made.Status("NoNewPrivs")));
    }

    [Theory]
    [InlineData("/nosuch", "/", "stat /nosuch: no such file or directory")]
    [InlineData("nosuch", "/", "executable file not found in $PATH")]
    [InlineData("true", "/proc/self/fd/7", "working folder \"/proc/self/fd/7\"")]
    public void TheUsersMistakesFailTheCreation(string program, string cwd, string message)
    {
        var e = Assert.Throws<ContainerStartException>(() => Creation.Make(bundle, bundle.Spec(TestBundle.Process(program) with { Cwd = cwd })));
        Assert.Contains(message, e.Message);
    }

    [Fact]
    public void AFilterThatKillsIsAnErrorWithItsSignal()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("true") with { NoNewPrivileges = true });
        var filter = new SeccompSpec { DefaultAction = "SCMP_ACT_KILL_PROCESS", Syscalls = [new SeccompRule { Names = ["exit_group"], Action = "SCMP_ACT_ALLOW" }] };
        var e = Assert.Throws<ContainerStartException>(() => Creation.Make(bundle, spec with { Linux = spec.Linux! with { Seccomp = filter } }));
        Assert.Contains("killed by signal 31", e.Message);
    }

    [Fact]
    public void AFailedNoteOfTheStateUndoesEverything()
    {
        int pid = 0;
        var e = Assert.Throws<TimeoutException>(() => Creation.Make(bundle, bundle.Spec(TestBundle.Process("true")), o => o with
        {
            OnReady = ready =>
            {
                pid = ready.Pid;
                throw new TimeoutException("the disk is full");
            },
        }));
        Assert.Equal("the disk is full", e.Message);
        Assert.Null(ProcessStat.TryRead(pid));
        Assert.Empty(bundle.CgroupFolders());
    }

    [Fact]
    public void ACreatedContainerOutlivesTheThreadThatMadeIt()
    {
        Creation? made = null;
        var thread = new Thread(() => made = Creation.Make(bundle, bundle.Spec(TestBundle.Process("echo", "alive"))));
        thread.Start();
        thread.Join();
        Thread.Sleep(50);
        using (made!)
            Assert.Equal((0, "alive\n"), made!.Finish());
    }

    [Fact]
    public void ATerminalIsThereBeforeTheStart()
    {
        ProcessSpec process = TestBundle.Shell("tty; stty size") with { Terminal = true, ConsoleSize = new ConsoleSize(12, 34) };
        using Creation made = Creation.Make(bundle, bundle.Spec(process));
        Assert.Equal("/dev/pts/0\r\n12 34\r\n", made.Finish().Output);
    }

    [Fact]
    public void WithoutPivotTheRootIsTheContainersAllTheSame()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Shell("ls / | tr '\\n' ' '; mount | awk '$3 == \"/\" {print $5}' | tail -n 1; ls /proc | grep -c '^[0-9]'"));
        using Creation made = Creation.Make(bundle, spec, o => o with { NoPivot = true });
        (int code, string output) = made.Finish();
        Assert.Equal(0, code);
        Assert.StartsWith("bin ", output);
        Assert.DoesNotContain("work", output);
    }

    [Fact]
    public void Attack02_OnlyPreservedDescriptorsAreHandedOn()
    {
        // Descriptors of the test process that are not close-on-exec, as a careless caller leaves them.
        using FileDescriptor nothing = PlainFile.OpenNull();
        using Creation made = Creation.Make(bundle, bundle.Spec(TestBundle.Shell("ls /proc/self/fd | tr '\\n' ' '")));
        Assert.Equal("0 1 2 3 ", made.Finish().Output);
    }

    [Fact]
    public void Attack02_WhatIsNotMeantForOthersCannotBePreserved()
    {
        var e = Assert.Throws<ContainerStartException>(
            () => Creation.Make(bundle, bundle.Spec(TestBundle.Process("true")), o => o with { PreserveFds = 5000 }));
        Assert.Contains("cannot be preserved", e.Message);
    }

    [Fact]
    public void Attack01_AWaitingProcessCannotBeInspectedFromInside()
    {
        // Another process of the container, root as the waiting one is: neither its program nor its memory nor its descriptors are to be had.
        ProcessSpec all = TestBundle.Process("true") with { User = new UserSpec { Uid = 1000 } };
        using Creation made = Creation.Make(bundle, bundle.Spec(all));
        Assert.Equal(0u, OwnerOf($"/proc/{made.Container.Pid}/fd"));
        var target = new ExecTarget { Id = bundle.Id, Pid = made.Container.Pid, PidFd = made.Container.PidFd, Spec = bundle.Spec(all) };
        using FileDescriptor nothing = PlainFile.OpenNull();
        (FileDescriptor read, FileDescriptor write) = Pipe.Create();
        using (read)
        {
            StartedProcess started;
            using (write)
            {
                started = ContainerExec.Start(
                    target, TestBundle.Shell("cat /proc/1/exe | head -c 1 | wc -c; ls /proc/1/fd 2>&1 | wc -l; true < /proc/1/mem"), user: null,
                    new ProcessStdio(nothing.Number, write.Number, write.Number), new ExecOptions());
            }

            using (started)
            {
                string output = TestBundle.ReadAll(read);
                TestBundle.Wait(started.PidFd);
                Assert.Contains("can't open '/proc/1/exe': Permission denied", output);
                Assert.Contains("can't open /proc/1/mem: Permission denied", output);
            }
        }
    }

    // The kernel gives the files of processes that cannot be inspected to root, whoever runs them.
    private static uint OwnerOf(string path)
    {
        using FileDescriptor folder = Berth.Linux.Files.Paths.OpenFolder(path);
        return Berth.Linux.Files.FileStatusCalls.Stat(folder).Uid;
    }

    [Fact]
    public void FailuresLeaveNoDescriptorsBehind()
    {
        RuntimeSpec spec = bundle.Spec(TestBundle.Process("/nosuch"));
        Assert.Throws<ContainerStartException>(() => Creation.Make(bundle, spec));
        for (int warm = 0; warm < 2; warm++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        int before = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < 10; i++)
            Assert.Throws<ContainerStartException>(() => Creation.Make(bundle, spec));

        // Creation itself leaves the FIFO and the pipe's end to the collector.
        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, before + 21);
    }
}
