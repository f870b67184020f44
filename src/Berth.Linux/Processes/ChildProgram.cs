using System.Collections;
using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Processes;

/// <summary>
/// A program of somebody else's found in PATH, started by posix_spawn(3) with our environment, working directory and standard error: what a command line
/// calls for help (a keeper of passwords, ssh).
/// </summary>
public static unsafe partial class ChildProgram
{
    private const short POSIX_SPAWN_SETSIGDEF = 4, POSIX_SPAWN_SETSIGMASK = 8;
    private const int X_OK = 1;
    private const int FirstFree = 10; // numbers that the child's own 0 and 1 cannot overwrite before they are used

    /// <summary>
    /// Starts <paramref name="program"/>; every signal has its default action and none is blocked, all descriptors of ours but the given two and standard error
    /// are close-on-exec. The caller reaps it with <see cref="Signals.ChildProcess"/>, and closes its own copies of the descriptors.
    /// </summary>
    /// <param name="program">A name that is looked for in PATH, or a path.</param>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="input">Becomes its standard input.</param>
    /// <param name="output">Becomes its standard output; may be the same.</param>
    /// <returns>The process id.</returns>
    /// <exception cref="LinuxException">ENOENT: there is no such program; EACCES: it may not be run; and others.</exception>
    public static int Start(string program, IReadOnlyList<string> arguments, FileDescriptor input, FileDescriptor output)
    {
        using FileDescriptor first = Pipes.DescriptorIo.Duplicate(input.Number, FirstFree);
        using FileDescriptor second = Pipes.DescriptorIo.Duplicate(output.Number, FirstFree);

        // The opaque types have 80 and 336 bytes in glibc on both architectures; more is harmless.
        byte* actions = stackalloc byte[256];
        byte* attributes = stackalloc byte[1024];
        byte* signals = stackalloc byte[128];
        Check(posix_spawn_file_actions_init(actions), "posix_spawn_file_actions_init");
        Check(posix_spawnattr_init(attributes), "posix_spawnattr_init");
        byte** argv = Strings([program, .. arguments]);
        byte** environment = Strings(Environment());
        try
        {
            Check(posix_spawn_file_actions_adddup2(actions, first.Number, 0), "adddup2");
            Check(posix_spawn_file_actions_adddup2(actions, second.Number, 1), "adddup2");
            _ = sigemptyset(signals);
            Check(posix_spawnattr_setsigmask(attributes, signals), "setsigmask");
            _ = sigfillset(signals);
            Check(posix_spawnattr_setsigdefault(attributes, signals), "setsigdefault");
            Check(posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK), "setflags");
            int pid;
            Check(posix_spawn(&pid, Find(program), actions, attributes, argv, environment), "posix_spawn", program);
            return pid;
        }
        finally
        {
            NativeMemory.Free(argv);
            NativeMemory.Free(environment);
            _ = posix_spawn_file_actions_destroy(actions);
            _ = posix_spawnattr_destroy(attributes);
        }
    }

    // By our own view of the environment, which the runtime keeps apart from libc's.
    private static string Find(string program)
    {
        if (program.Contains('/', StringComparison.Ordinal))
            return program;

        foreach (string folder in (System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
        {
            string candidate = Path.Combine(folder.Length == 0 ? "." : folder, program);
            if (File.Exists(candidate) && access(candidate, X_OK) == 0)
                return candidate;
        }

        throw new LinuxException(Errno.ENOENT, "posix_spawn", program);
    }

    private static List<string> Environment()
    {
        var entries = new List<string>();
        foreach (DictionaryEntry entry in System.Environment.GetEnvironmentVariables())
            entries.Add($"{entry.Key}={entry.Value}");

        return entries;
    }

    // One allocation: the pointer table followed by the characters.
    private static byte** Strings(List<string> values)
    {
        int table = (values.Count + 1) * sizeof(byte*);
        int total = table;
        foreach (string value in values)
            total += Encoding.UTF8.GetByteCount(value) + 1;

        byte* memory = (byte*)NativeMemory.AllocZeroed((nuint)total);
        byte* next = memory + table;
        for (int i = 0; i < values.Count; i++)
        {
            ((byte**)memory)[i] = next;
            next += Encoding.UTF8.GetBytes(values[i], new Span<byte>(next, (int)(memory + total - next))) + 1;
        }

        return (byte**)memory;
    }

    private static void Check(int error, string call, string subject = "")
    {
        if (error != 0)
            throw new LinuxException((Errno)error, call, subject);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int access(string path, int mode);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_destroy(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_adddup2(byte* actions, int fd, int number);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_init(byte* attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_destroy(byte* attributes);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setflags(byte* attributes, short flags);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigmask(byte* attributes, byte* signals);

    [LibraryImport("libc")]
    private static partial int posix_spawnattr_setsigdefault(byte* attributes, byte* signals);

    [LibraryImport("libc")]
    private static partial int sigemptyset(byte* signals);

    [LibraryImport("libc")]
    private static partial int sigfillset(byte* signals);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn(int* pid, string program, byte* actions, byte* attributes, byte** argv, byte** environment);
}
