using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Linux.Signals;

namespace Berth.Linux.Tests.Processes;

public sealed class SyscallPlanTests
{
    private static SyscallNumbers Calls => SyscallNumbers.Current;

    [Fact]
    public void AFailureNamesItsStepAndLeavesNoProcess()
    {
        using var plan = new SyscallPlan();
        plan.Call("working", Calls.Getpid);
        plan.Call("entering nowhere", Calls.Chdir, plan.Text("/no/such/folder"));
        var e = Assert.Throws<PlanFailedException>(() => ProcessSpawner.Spawn(plan));
        Assert.Equal("entering nowhere", e.Step);
        Assert.Equal(Errno.ENOENT, e.Errno);
    }

    [Fact]
    public void RegistersCarryResultsAndJumpsSkip()
    {
        (FileDescriptor read, FileDescriptor write) = Pipe.Create();
        using (read)
        {
            using (write)
            using (var plan = new SyscallPlan())
            {
                PlanRegister file = plan.NewRegister();
                PlanLabel missing = plan.NewLabel(), end = plan.NewLabel();
                plan.Call("copy", Calls.Dup3, write.Number, 200, 0).SaveTo(file);
                plan.Call("open", Calls.Openat, -100, plan.Text("/no/such/file")).Tolerating(Errno.ENOENT).OnError(missing);
                plan.Call("not reached", Calls.Write, file, plan.Text("wrong"), 5);
                plan.Mark(missing);
                plan.Call("write", Calls.Write, file, plan.Text("right"), 5).OnSuccess(end);
                plan.Fail("not reached", Errno.EIO);
                plan.Mark(end);
                plan.Call("end", Calls.ExitGroup, 5);
                (_, FileDescriptor process) = ProcessSpawner.Spawn(plan);
                using (process)
                    Assert.Equal(5, Wait(process));
            }

            Span<byte> buffer = stackalloc byte[16];
            Assert.Equal(Errno.None, DescriptorIo.TryRead(read.Number, buffer, out int count));
            Assert.Equal("right"u8, buffer[..count]);
        }
    }

    [Fact]
    public void AnErrorThatIsNotTheToleratedOneFails()
    {
        using var plan = new SyscallPlan();
        plan.Call("closing nothing", Calls.Close, 987654).Tolerating(Errno.ENOENT);
        Assert.Equal(Errno.EBADF, Assert.Throws<PlanFailedException>(() => ProcessSpawner.Spawn(plan)).Errno);
    }

    [Fact]
    public void TextWithAZeroByteIsRefused()
    {
        using var plan = new SyscallPlan();
        Assert.Equal(Errno.EINVAL, Assert.Throws<LinuxException>(() => plan.Text("a\0b")).Errno);
    }

    [Fact]
    public void MoreArgumentsThanFitAreRefused()
    {
        using var plan = new SyscallPlan();
        Assert.Equal(Errno.E2BIG, Assert.Throws<LinuxException>(() => plan.Strings([.. Enumerable.Repeat(new string('x', 1 << 20), 20)])).Errno);
    }

    [Fact]
    public void BothArchitecturesHaveTables()
    {
        Assert.Equal(59, SyscallNumbers.For(System.Runtime.InteropServices.Architecture.X64).Execve);
        Assert.Equal(221, SyscallNumbers.For(System.Runtime.InteropServices.Architecture.Arm64).Execve);
    }

    private static int Wait(FileDescriptor process)
    {
        while (true)
        {
            if (ChildProcess.TryReap(process) is { } end)
                return end.ShellCode;
            Thread.Sleep(1);
        }
    }
}
