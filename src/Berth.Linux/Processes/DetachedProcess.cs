using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Processes;

/// <summary>
/// Starts a process of our own in a session of its own, by posix_spawn(3) (glibc: clone(CLONE_VM|CLONE_VFORK), so that a large caller
/// copies nothing and no managed code runs in the child).
/// </summary>
public static unsafe partial class DetachedProcess
{
    private const short POSIX_SPAWN_SETSIGDEF = 4, POSIX_SPAWN_SETSIGMASK = 8, POSIX_SPAWN_SETSID = 0x80;
    private const int O_RDONLY = 0, O_WRONLY = 1, O_CREAT = 0x40, O_APPEND = 0x400;

    /// <summary>The number under which the child finds the inherited descriptor.</summary>
    public const int InheritedNumber = 3;

    /// <summary>
    /// Starts <paramref name="executable"/>: descriptor 3 is a copy of <paramref name="inherited"/>, 0 to 2 are the null device
    /// (2 is <paramref name="errorLog"/>, appended, when given), all other descriptors of ours are close-on-exec; every signal has its
    /// default action and none is blocked. The caller reaps it with <see cref="Signals.ChildProcess"/>.
    /// </summary>
    /// <param name="executable">Kept open by the caller; executed through /proc/self/fd.</param>
    /// <param name="environment">The whole environment, <c>NAME=value</c>.</param>
    /// <returns>The process id.</returns>
    /// <exception cref="LinuxException">posix_spawn failed.</exception>
    public static int Start(
        FileDescriptor executable, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, FileDescriptor inherited, string? errorLog)
    {
        // Numbers that the child's own 0 to 3 cannot overwrite before they are used.
        using FileDescriptor source = Pipes.DescriptorIo.Duplicate(inherited.Number, 10);
        using FileDescriptor program = Pipes.DescriptorIo.Duplicate(executable.Number, 10);

        // The opaque types have 80 and 336 bytes in glibc on both architectures; more is harmless.
        byte* actions = stackalloc byte[256];
        byte* attributes = stackalloc byte[1024];
        byte* signals = stackalloc byte[128];
        Check(posix_spawn_file_actions_init(actions), "posix_spawn_file_actions_init");
        Check(posix_spawnattr_init(attributes), "posix_spawnattr_init");
        try
        {
            Check(posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0), "addopen");
            Check(posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0), "addopen");
            Check(posix_spawn_file_actions_addopen(actions, 2, errorLog ?? "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0x180), "addopen");
            Check(posix_spawn_file_actions_adddup2(actions, source.Number, InheritedNumber), "adddup2");
            _ = sigemptyset(signals);
            Check(posix_spawnattr_setsigmask(attributes, signals), "setsigmask");
            _ = sigfillset(signals);
            Check(posix_spawnattr_setsigdefault(attributes, signals), "setsigdefault");
            Check(posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID), "setflags");
            return Spawn($"/proc/self/fd/{program.Number}", actions, attributes, arguments, environment);
        }
        finally
        {
            _ = posix_spawn_file_actions_destroy(actions);
            _ = posix_spawnattr_destroy(attributes);
        }
    }

    private static int Spawn(string path, byte* actions, byte* attributes, IReadOnlyList<string> arguments, IReadOnlyList<string> environment)
    {
        byte** argv = Strings(arguments);
        byte** envp = Strings(environment);
        try
        {
            int pid;
            Check(posix_spawn(&pid, path, actions, attributes, argv, envp), "posix_spawn", path);
            return pid;
        }
        finally
        {
            NativeMemory.Free(argv);
            NativeMemory.Free(envp);
        }
    }

    // One allocation: the pointer table followed by the characters.
    private static byte** Strings(IReadOnlyList<string> values)
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

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_init(byte* actions);

    [LibraryImport("libc")]
    private static partial int posix_spawn_file_actions_destroy(byte* actions);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int posix_spawn_file_actions_addopen(byte* actions, int fd, string path, int flags, uint mode);

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
    private static partial int posix_spawn(int* pid, string path, byte* actions, byte* attributes, byte** argv, byte** envp);
}
