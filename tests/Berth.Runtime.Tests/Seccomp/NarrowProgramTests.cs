using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Init;
using Berth.Runtime.Seccomp;
using Berth.Runtime.Tests.Host;
using Xunit.Abstractions;

namespace Berth.Runtime.Tests.Seccomp;

/// <summary>A 32-bit program on an x86-64 kernel meets the same filter: the way round it by another ABI is closed.</summary>
public sealed class NarrowProgramTests(ITestOutputHelper output)
{
    private const int Eperm = -1, Efault = -14, Enosys = -38;

    [Fact]
    public void Attack12_TheDefaultProfileHoldsFor32BitPrograms()
    {
        SeccompSpec spec = DefaultProfile.Create(DefaultProfileTests.Capabilities("docker"), Architecture.X64, new Version(6, 18));
        Check(
            spec,
            (21, 0, 0, Eperm), // mount: EFAULT without a filter, and so on
            (310, 0x10000000, 0, Eperm), // unshare(CLONE_NEWUSER)
            (359, 38, 5, Eperm), // socket(AF_ALG)
            (359, 40, 1, Eperm), // socket(AF_VSOCK)
            (288, 0, 0, Eperm), // keyctl
            (357, 0, 0, Eperm), // bpf
            (425, 0, 0, Eperm), // io_uring_setup
            (435, 0, 0, Enosys), // clone3
            (102, 1, 0, Efault), // socketcall(SYS_SOCKET): reaches the kernel, as with Docker's profile
            (106, 0, 0, Efault)); // stat
    }

    [Fact]
    public void Attack12_ARuleForSocketHoldsThroughSocketcall()
    {
        var rule = new SeccompRule { Names = ["socket"], Action = "SCMP_ACT_ERRNO", ErrnoRet = 38, Args = [new() { Index = 0, Op = "SCMP_CMP_EQ", Value = 38 }] };
        Check(
            new SeccompSpec { DefaultAction = "SCMP_ACT_ALLOW", Architectures = ["SCMP_ARCH_X86"], Syscalls = [rule] },
            (359, 38, 5, Enosys),
            (102, 1, 0, Enosys), // what is behind the pointer cannot be seen: all families
            (102, 2, 0, Efault)); // bind
    }

    [Fact]
    public void Attack12_AnAbiThatIsNotListedKills()
    {
        (int code, byte[] written) = Run(new SeccompSpec { DefaultAction = "SCMP_ACT_ALLOW" }, [(20, 0, 0, 0)]) ?? (159, []);
        Assert.Equal(159, code); // 128 + SIGSYS
        Assert.Empty(written);
    }

    private void Check(SeccompSpec spec, params (int Number, int First, int Second, int Result)[] calls)
    {
        if (Run(spec, calls) is not { } end)
            return;
        Assert.Equal(0, end.Code);
        for (int i = 0; i < calls.Length; i++)
            Assert.True(calls[i].Result == BinaryPrimitives.ReadInt32LittleEndian(end.Written.AsSpan(i * 4)), $"{calls[i]}: got {BinaryPrimitives.ReadInt32LittleEndian(end.Written.AsSpan(i * 4))}");
    }

    private (int Code, byte[] Written)? Run(SeccompSpec spec, (int Number, int First, int Second, int Result)[] calls)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            output.WriteLine("skipped: needs an x86-64 machine");
            return null;
        }

        string folder = Directory.CreateTempSubdirectory("berth-narrow-").FullName, program = Path.Combine(folder, "program");
        try
        {
            File.WriteAllBytes(program, Assemble(calls));
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            return Run(SeccompFilter.Compile(spec)!, program);
        }
        catch (PlanFailedException e) when (e.Errno == Errno.ENOEXEC)
        {
            output.WriteLine("skipped: this kernel does not run 32-bit programs");
            return null;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (int Code, byte[] Written) Run(SeccompFilter filter, string program)
    {
        SyscallNumbers calls = SyscallNumbers.Current;
        (FileDescriptor read, FileDescriptor write) = Pipe.Create();
        using var plan = new SyscallPlan();
        plan.Call("output", calls.Dup3, plan.Own(write), 1);
        plan.Call("no_new_privs", calls.Prctl, ProcessControl.PR_SET_NO_NEW_PRIVS, 1);
        filter.Add(plan);
        plan.Call("execve", calls.Execve, plan.Text(program), plan.Strings([program]), plan.Strings([]));
        using (read)
        {
            (_, FileDescriptor process) = ProcessSpawner.Spawn(plan);
            write.Dispose();
            using (process)
            {
                int code = TestBundle.Wait(process);
                var buffer = new byte[256];
                Assert.Equal(Errno.None, DescriptorIo.TryRead(read.Number, buffer, out int count));
                return (code, buffer[..count]);
            }
        }
    }

    // One segment with code, then the results: for each call "mov eax, number; mov ebx, first; mov ecx, second; xor edx, edx; int 0x80; mov [result], eax".
    private static byte[] Assemble((int Number, int First, int Second, int Result)[] calls)
    {
        const int Base = 0x08048000, HeaderSize = 52 + 32, CallSize = 5 + 5 + 5 + 2 + 2 + 5, TailSize = 5 + 5 + 5 + 5 + 2 + 5 + 2 + 2;
        int results = HeaderSize + (calls.Length * CallSize) + TailSize, size = results + (calls.Length * 4);
        var image = new MemoryStream();
        using var to = new BinaryWriter(image);
        to.Write([0x7F, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        to.Write((short)2); // ET_EXEC
        to.Write((short)3); // EM_386
        foreach (int word in (ReadOnlySpan<int>)[1, Base + HeaderSize, 52, 0, 0]) // version, entry, program headers, section headers, flags
            to.Write(word);
        foreach (short half in (ReadOnlySpan<short>)[52, 32, 1, 0, 0, 0])
            to.Write(half);
        foreach (int word in (ReadOnlySpan<int>)[1, 0, Base, Base, size, size, 7, 0x1000]) // PT_LOAD of the whole file, readable, writable, executable
            to.Write(word);
        for (int i = 0; i < calls.Length; i++)
        {
            Move(0xB8, calls[i].Number);
            Move(0xBB, calls[i].First);
            Move(0xB9, calls[i].Second);
            to.Write([0x31, 0xD2, 0xCD, 0x80]);
            Move(0xA3, Base + results + (i * 4));
        }

        Move(0xB8, 4); // write(1, results, size of the results)
        Move(0xBB, 1);
        Move(0xB9, Base + results);
        Move(0xBA, calls.Length * 4);
        to.Write([0xCD, 0x80]);
        Move(0xB8, 1); // exit(0)
        to.Write([0x31, 0xDB, 0xCD, 0x80]);
        Assert.Equal(results, (int)image.Length);
        to.Write(new byte[calls.Length * 4]);
        return image.ToArray();

        void Move(byte code, int value)
        {
            to.Write(code);
            to.Write(value);
        }
    }
}
