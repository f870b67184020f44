using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Berth.Runtime.Seccomp;
using Xunit.Abstractions;

namespace Berth.Runtime.Tests.Seccomp;

/// <summary>The kernel takes the default program and does with calls what it says, in all three numberings of x86-64.</summary>
public sealed class RealKernelTests(ITestOutputHelper output)
{
    // Loads the filter in argv[1], then makes the calls of argv[2..] (how:number:first:second) and prints a result for each.
    private const string Loader = """
        #define _GNU_SOURCE
        #include <errno.h>
        #include <fcntl.h>
        #include <linux/filter.h>
        #include <linux/seccomp.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        static long wide(long nr, long a, long b) {
            long r;
            register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0;
            __asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(0L), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
            return r;
        }

        static long narrow(long nr, long a, long b) {
            long r;
            __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(0L), "S"(0L), "D"(0L) : "memory", "r8", "r9", "r10", "r11");
            return (int)r;
        }

        int main(int argc, char **argv) {
            static struct sock_filter code[4096];
            int fd = open(argv[1], O_RDONLY);
            struct sock_fprog prog = { .len = read(fd, code, sizeof code) / sizeof code[0], .filter = code };
            struct timespec s, e;
            close(fd);
            if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return 1;
            clock_gettime(CLOCK_MONOTONIC, &s);
            if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 4, &prog)) { perror("seccomp"); return 2; }
            clock_gettime(CLOCK_MONOTONIC, &e);
            for (int i = 2; i < argc; i++) {
                char how; long nr; unsigned long a, b;
                if (sscanf(argv[i], "%c:%ld:%lx:%lx", &how, &nr, &a, &b) != 4) return 3;
                printf("%ld\n", how == 'i' ? narrow(nr, a, b) : wide(how == 'x' ? nr | 0x40000000 : nr, a, b));
            }
            printf("loaded in %ld us\n", (e.tv_sec - s.tv_sec) * 1000000 + (e.tv_nsec - s.tv_nsec) / 1000);
            return 0;
        }
        """;

    private const int Eperm = -1;
    private const int Efault = -14;
    private const int Enosys = -38;

    [Fact]
    public void Attack12_TheKernelDoesAsTheProgramSays()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !File.Exists("/usr/bin/gcc"))
        {
            output.WriteLine("skipped: needs an x86-64 machine with /usr/bin/gcc");
            return;
        }

        // What the bare kernel would say instead is beside each.
        (string Call, int Result)[] calls =
        [
            ("w:165:0:0", Eperm), // mount: EFAULT
            ("w:272:10000000:0", Eperm), // unshare(NEWUSER): 0
            ("w:56:10000000:0", Eperm), // clone(NEWUSER): a child
            ("w:435:0:0", Enosys), // clone3: EINVAL
            ("w:41:26:5", Eperm), // socket(AF_ALG): a descriptor
            ("w:41:28:1", Eperm), // socket(AF_VSOCK)
            ("w:250:0:0", Eperm), // keyctl
            ("w:321:0:0", Eperm), // bpf
            ("w:298:0:0", Eperm), // perf_event_open
            ("w:425:0:0", Eperm), // io_uring_setup: EFAULT
            ("w:323:0:0", Eperm), // userfaultfd
            ("w:135:40000:0", Eperm), // personality(ADDR_NO_RANDOMIZE)
            ("w:135:ffffffff:0", 0), // personality query
            ("w:469:0:0", Enosys), // file_setattr, newer than the profile: EFAULT or EINVAL
            ("w:4:0:0", Efault), // stat: allowed
            ("i:21:0:0", Eperm), // mount: EFAULT
            ("i:359:26:5", Eperm), // socket(AF_ALG)
            ("i:102:1:0", Efault), // socketcall: allowed, as Docker's
            ("i:310:10000000:0", Eperm), // unshare
            ("i:435:0:0", Enosys), // clone3
            ("i:106:0:0", Efault), // stat: allowed
            ("x:41:26:5", Eperm), // x32 socket(AF_ALG)
        ];
        string folder = Directory.CreateTempSubdirectory("berth-seccomp-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "loader.c"), Loader);
            var spec = DefaultProfile.Create(DefaultProfileTests.Capabilities("docker"), Architecture.X64, new Version(6, 18));
            File.WriteAllBytes(Path.Combine(folder, "filter"), SeccompCompiler.Compile(spec, Architecture.X64));
            Run("/usr/bin/gcc", ["-O1", "-o", Path.Combine(folder, "loader"), Path.Combine(folder, "loader.c")]);
            string[] lines = Run(Path.Combine(folder, "loader"), [Path.Combine(folder, "filter"), .. calls.Select(call => call.Call)]);
            output.WriteLine(lines[^1]);
            Assert.Equal(calls.Length + 1, lines.Length);
            for (int i = 0; i < calls.Length; i++)
                Assert.True(calls[i].Result == int.Parse(lines[i], CultureInfo.InvariantCulture), $"{calls[i].Call}: got {lines[i]}, wanted {calls[i].Result}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string[] Run(string file, string[] arguments)
    {
        var start = new ProcessStartInfo(file, arguments) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!; // null only with UseShellExecute
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{file} ended with {process.ExitCode}: {errors.Result}");
        return text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
