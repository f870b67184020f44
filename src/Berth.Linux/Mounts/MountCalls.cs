using System.Runtime.InteropServices;
using System.Text;
using Berth.Linux.Processes;

namespace Berth.Linux.Mounts;

/// <summary>
/// The mount API of file descriptors (fsopen(2), open_tree(2), mount_setattr(2); Linux 5.12 has all of it): mounts that are attached nowhere
/// until move_mount(2) puts them somewhere, and vanish with their last descriptor.
/// </summary>
public static unsafe partial class MountCalls
{
    public const int AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, AT_EMPTY_PATH = 0x1000, AT_RECURSIVE = 0x8000;
    public const int OPEN_TREE_CLONE = 1, OPEN_TREE_CLOEXEC = 0x80000;
    public const int MOVE_MOUNT_F_EMPTY_PATH = 4, MOVE_MOUNT_T_EMPTY_PATH = 0x40;
    public const int MNT_DETACH = 2;

    public const int FSOPEN_CLOEXEC = 1, FSMOUNT_CLOEXEC = 1;
    public const int FSCONFIG_SET_FLAG = 0, FSCONFIG_SET_STRING = 1, FSCONFIG_CMD_CREATE = 6;

    /// <summary>Makes a new file system and a detached mount of it.</summary>
    /// <param name="type">The kernel's name of the file system.</param>
    /// <param name="source">Shown as the source in mountinfo; may be empty.</param>
    /// <param name="options">For the file system: <c>key=value</c> or <c>flag</c>. An option may occur several times.</param>
    /// <param name="attributes">Of the mount.</param>
    /// <exception cref="LinuxException">Names the option, with what the kernel wrote about it, or the step.</exception>
    public static FileDescriptor Create(string type, string source, IEnumerable<string> options, MountAttributes attributes)
    {
        using FileDescriptor context = Opened(fsopen(SyscallNumbers.Current.Fsopen, type, FSOPEN_CLOEXEC), "fsopen", type);
        if (source.Length > 0)
            Configure(context, FSCONFIG_SET_STRING, "source", source, type);
        foreach (string option in options)
        {
            int equals = option.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                Configure(context, FSCONFIG_SET_FLAG, option, value: null, type);
            else
                Configure(context, FSCONFIG_SET_STRING, option[..equals], option[(equals + 1)..], type);
        }

        Configure(context, FSCONFIG_CMD_CREATE, key: null, value: null, type);
        nint fd = fsmount(SyscallNumbers.Current.Fsmount, context, FSMOUNT_CLOEXEC, (nint)attributes);
        return Opened(fd, "fsmount", type);
    }

    /// <summary>A detached copy of the mount at a path, which shows what is below the path; with <paramref name="recursive"/>, of those below it too.</summary>
    /// <exception cref="LinuxException">ENOENT and others.</exception>
    public static FileDescriptor Clone(FileDescriptor folder, string path, bool recursive) =>
        Opened(
            open_tree(
                SyscallNumbers.Current.OpenTree, folder, path,
                OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (path.Length == 0 ? AT_EMPTY_PATH : 0) | (recursive ? AT_RECURSIVE : 0)),
            "open_tree", path);

    /// <summary>Changes attributes and propagation (a MS_PRIVATE... flag or 0) of a mount, or of all from it downwards.</summary>
    /// <exception cref="LinuxException">mount_setattr failed.</exception>
    public static void SetAttributes(FileDescriptor mount, MountAttributes set, MountAttributes clear, MountFlags propagation, bool recursive)
    {
        ulong* attributes = stackalloc ulong[4] { (ulong)set, (ulong)clear, (ulong)propagation, 0 };
        byte empty = 0;
        if (mount_setattr(SyscallNumbers.Current.MountSetattr, mount, &empty, AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), attributes, 32) != 0)
            throw LinuxException.Last("mount_setattr", $"{set}");
    }

    /// <summary>Shows the owners of a detached mount (or of all from it downwards) as <paramref name="userNamespace"/> maps them: MOUNT_ATTR_IDMAP.</summary>
    /// <exception cref="LinuxException">EINVAL: the file system cannot do it, or an empty map; EPERM: not the owner of the file system's user namespace.</exception>
    public static void MapIds(FileDescriptor mount, FileDescriptor userNamespace, bool recursive)
    {
        ulong* attributes = stackalloc ulong[4] { (ulong)MountAttributes.MOUNT_ATTR_IDMAP, 0, 0, (ulong)userNamespace.Number };
        byte empty = 0;
        if (mount_setattr(SyscallNumbers.Current.MountSetattr, mount, &empty, AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), attributes, 32) != 0)
            throw LinuxException.Last("mount_setattr", "MOUNT_ATTR_IDMAP");
        GC.KeepAlive(userNamespace);
    }

    /// <summary>mount(2), with the data as its one string.</summary>
    /// <exception cref="LinuxException">Names the target.</exception>
    public static void Mount(string? source, string target, string? type, MountFlags flags, string? data)
    {
        if (mount(source, target, type, (nuint)flags, data) != 0)
            throw LinuxException.Last("mount", target);
    }

    private static FileDescriptor Opened(nint fd, string call, string subject) =>
        fd >= 0 ? new FileDescriptor((int)fd) : throw LinuxException.Last(call, subject);

    private static void Configure(FileDescriptor context, int command, string? key, string? value, string type)
    {
        if (fsconfig(SyscallNumbers.Current.Fsconfig, context, command, key, value, 0) == 0)
            return;
        var errno = (Errno)Marshal.GetLastPInvokeError();
        string what = key is null ? type : value is null ? $"{type} option {key}" : $"{type} option {key}={value}";
        throw new LinuxException(errno, "fsconfig", what + KernelMessage(context));
    }

    // The context's message queue, fsopen(2): each read gives one message, "e " and a sentence for an error.
    private static string KernelMessage(FileDescriptor context)
    {
        Span<byte> buffer = stackalloc byte[512];
        return Pipes.DescriptorIo.TryRead(context.Number, buffer, out int count) == Errno.None && count > 2
            ? $" ({Encoding.UTF8.GetString(buffer[2..count]).TrimEnd('\n')})"
            : "";
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint fsopen(nint number, string type, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint fsconfig(nint number, FileDescriptor context, nint command, string? key, string? value, nint auxiliary);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint fsmount(nint number, FileDescriptor context, nint flags, nint attributes);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint open_tree(nint number, FileDescriptor folder, string path, nint flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint mount_setattr(nint number, FileDescriptor folder, byte* path, nint flags, ulong* attributes, nint size);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string? source, string target, string? type, nuint flags, string? data);
}
