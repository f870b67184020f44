using System.Runtime.InteropServices;
using Berth.Linux.Processes;

namespace Berth.Linux.Mounts;

public static unsafe partial class MountCalls
{
    /// <summary>Attaches a detached mount, with what is mounted below it, onto what <paramref name="target"/> refers to: move_mount(2).</summary>
    /// <exception cref="LinuxException">EINVAL: the target is not in the calling thread's mount namespace, or one is a folder and the other is not.</exception>
    public static void Attach(FileDescriptor mount, FileDescriptor target)
    {
        byte empty = 0;
        if (move_mount(SyscallNumbers.Current.MoveMount, mount, &empty, target, &empty, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
            throw LinuxException.Last("move_mount", "");
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint move_mount(nint number, FileDescriptor mount, byte* mountPath, FileDescriptor target, byte* targetPath, nint flags);
}
