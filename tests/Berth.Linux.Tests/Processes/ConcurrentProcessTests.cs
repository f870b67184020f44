using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.Linux.Tests.Processes;

public sealed class ConcurrentProcessTests
{
    private static SyscallNumbers Calls => SyscallNumbers.Current;

    [Fact]
    public void TheParentSeesEachPointAndWhatStepsFound()
    {
        using var plan = new SyscallPlan(shared: true);
        var handshake = new PlanHandshake(plan, 100);
        PlanRegister found = plan.NewRegister();
        plan.Call("id", Calls.Getpid).SaveTo(found);
        handshake.AddPoint("first", 1);
        handshake.AddPoint("second", 2);
        plan.Call("end", Calls.ExitGroup, 7);
        using ConcurrentProcess process = ProcessSpawner.SpawnConcurrent(plan, handshake);
        Assert.Equal<byte?>(1, process.WaitForPoint());
        Assert.Equal(process.Pid, process.Read(found));
        process.Resume();
        Assert.Equal<byte?>(2, process.WaitForPoint());
        process.Resume();
        Assert.Null(WaitQuietly(process));
        Assert.Equal(7, Wait(process.PidFd));
    }

    [Fact]
    public void AFailedStepIsToldAndTheProcessReaped()
    {
        using var plan = new SyscallPlan(shared: true);
        var handshake = new PlanHandshake(plan, 100);
        handshake.AddPoint("first", 1);
        plan.Call("entering nowhere", Calls.Chdir, plan.Text("/no/such/folder"));
        using ConcurrentProcess process = ProcessSpawner.SpawnConcurrent(plan, handshake);
        process.WaitForPoint();
        process.Resume();
        var e = Assert.Throws<PlanFailedException>(() => process.WaitForPoint());
        Assert.Equal(("entering nowhere", Errno.ENOENT), (e.Step, e.Errno));
        Assert.Throws<LinuxException>(() => ChildProcess.TryReap(process.PidFd));
    }

    [Fact]
    public void AKilledProcessIsToldWithItsSignal()
    {
        using var plan = new SyscallPlan(shared: true);
        var handshake = new PlanHandshake(plan, 100);
        PlanRegister reached = plan.NewRegister(), self = plan.NewRegister();
        plan.Call("id", Calls.Getpid).SaveTo(self);
        plan.Call("killing itself", Calls.Kill, self, 9);
        plan.Set(reached, 1);
        using ConcurrentProcess process = ProcessSpawner.SpawnConcurrent(plan, handshake);
        var e = Assert.Throws<PlanInterruptedException>(() =>
        {
            process.WaitForPoint();
            process.ExpectReached(reached);
        });
        Assert.Contains("killed by signal 9", e.Message);
    }

    [Fact]
    public void AForkedProcessTakesThePlaceOfTheOneBefore()
    {
        using var plan = new SyscallPlan(shared: true);
        var handshake = new PlanHandshake(plan, 100);
        PlanRegister forked = plan.NewRegister();
        PlanLabel old = plan.NewLabel();
        const ulong CLONE_PARENT = 0x8000, SIGCHLD = 17;
        plan.Fork("forking", CLONE_PARENT | SIGCHLD).SaveTo(forked).OnSuccess(old);
        handshake.AddPoint("in the new one", 1);
        plan.Call("end", Calls.ExitGroup, 9);
        plan.Mark(old);
        plan.Call("end", Calls.ExitGroup, 0);
        using ConcurrentProcess process = ProcessSpawner.SpawnConcurrent(plan, handshake);
        int first = process.Pid;
        process.FollowFork(forked);
        Assert.Equal<byte?>(1, process.WaitForPoint());
        Assert.NotEqual(first, process.Pid);
        process.Resume();
        Assert.Equal(9, Wait(process.PidFd));
    }

    [Fact]
    public void TestsCompareAndLoadsReadTheSharedMemory()
    {
        using var plan = new SyscallPlan(shared: true);
        var handshake = new PlanHandshake(plan, 100);
        PlanRegister status = plan.NewRegister(), child = plan.NewRegister();
        PlanLabel parent = plan.NewLabel();
        nint at = plan.Reserve(8);
        plan.Fork("forking", 17).SaveTo(child).OnSuccess(parent);
        plan.Call("end", Calls.ExitGroup, 3);
        plan.Mark(parent);
        plan.Call("waiting", Calls.Wait4, child, at, 0, 0);
        plan.Load(status, at);
        plan.Test("the status", status, 3 << 8, Errno.ECHILD);
        plan.Test("another status", status, 4 << 8, Errno.ECHILD);
        using ConcurrentProcess process = ProcessSpawner.SpawnConcurrent(plan, handshake);
        var e = Assert.Throws<PlanFailedException>(() => process.WaitForPoint());
        Assert.Equal(3 << 8, process.Read(status));
        Assert.Equal("another status", e.Step);
    }

    [Fact]
    public void AProcessThatLostItsParentEnds()
    {
        using var plan = new SyscallPlan(shared: true);
        var handshake = new PlanHandshake(plan, 100);
        handshake.AddPoint("waiting", 1);
        plan.Call("not reached", Calls.ExitGroup, 0);
        ConcurrentProcess process = ProcessSpawner.SpawnConcurrent(plan, handshake);
        process.WaitForPoint();
        FileDescriptor pidFd = process.Release();
        process.Dispose();
        using (pidFd)
            Assert.Equal(127, Wait(pidFd));
    }

    // The process may be seen as ended already; that is no failure here, as it ended by itself.
    private static byte? WaitQuietly(ConcurrentProcess process) => DescriptorPoll.WaitReadable(-1, process.PidFd.Number, 5000).Second ? null : process.WaitForPoint();

    private static int Wait(FileDescriptor pidFd)
    {
        while (true)
        {
            if (ChildProcess.TryReap(pidFd) is { } end)
                return end.ShellCode;
            Thread.Sleep(1);
        }
    }
}
