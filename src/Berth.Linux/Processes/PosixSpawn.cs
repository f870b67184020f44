using System.Runtime.InteropServices;
using System.Text;

namespace Berth.Linux.Processes;

/// <summary>One of the child's descriptors, set before it begins.</summary>
/// <param name="Number">The number that it gets.</param>
/// <param name="Source">What it is a copy of; -1 when a file is opened.</param>
/// <param name="Path">The file.</param>
/// <param name="Flags">As of open(2).</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct SpawnFile(int Number, int Source, string Path = "", int Flags = 0);

/// <summary>
/// posix_spawn(3) (glibc: clone(CLONE_VM|CLONE_VFORK), so that a large caller copies nothing and no managed code runs in the child). In the child every signal has its default action
/// and none is blocked.
/// </summary>
internal static unsafe partial class PosixSpawn
{
    /// <summary>Copies of descriptors have to have at least this number: the child's own cannot overwrite them before they are used.</summary>
    public const int FirstFree = 10;

    private const short POSIX_SPAWN_SETSIGDEF = 4, POSIX_SPAWN_SETSIGMASK = 8, POSIX_SPAWN_SETSID = 0x80;
    private const uint OwnerOnly = 0x180;

    /// <summary>Starts a program; the caller reaps it.</summary>
    /// <param name="path">The program.</param>
    /// <param name="arguments">With its name.</param>
    /// <param name="environment">The whole of it, <c>NAME=value</c>.</param>
    /// <param name="hasOwnSession">Whether it leads a new session.</param>
    /// <param name="files">In the order in which they are set.</param>
    /// <returns>The process id.</returns>
    /// <exception cref="LinuxException">The call that failed.</exception>
    public static int Start(string path, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, bool hasOwnSession, ReadOnlySpan<SpawnFile> files)
    {
        // The opaque types have 80 and 336 bytes in glibc on both architectures; more is harmless.
        byte* actions = stackalloc byte[256];
        byte* attributes = stackalloc byte[1024];
        byte* signals = stackalloc byte[128];
        Check(posix_spawn_file_actions_init(actions), "posix_spawn_file_actions_init");
        Check(posix_spawnattr_init(attributes), "posix_spawnattr_init");
        byte** argv = Strings(arguments);
        byte** envp = Strings(environment);
        try
        {
            foreach (SpawnFile file in files)
            {
                if (file.Source < 0)
                    Check(posix_spawn_file_actions_addopen(actions, file.Number, file.Path, file.Flags, OwnerOnly), "addopen");
                else
                    Check(posix_spawn_file_actions_adddup2(actions, file.Source, file.Number), "adddup2");
            }

            _ = sigemptyset(signals);
            Check(posix_spawnattr_setsigmask(attributes, signals), "setsigmask");
            _ = sigfillset(signals);
            Check(posix_spawnattr_setsigdefault(attributes, signals), "setsigdefault");
            Check(posix_spawnattr_setflags(attributes, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (hasOwnSession ? POSIX_SPAWN_SETSID : 0))), "setflags");
            int pid;
            Check(posix_spawn(&pid, path, actions, attributes, argv, envp), "posix_spawn", path);
            return pid;
        }
        finally
        {
            NativeMemory.Free(argv);
            NativeMemory.Free(envp);
            _ = posix_spawn_file_actions_destroy(actions);
            _ = posix_spawnattr_destroy(attributes);
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
