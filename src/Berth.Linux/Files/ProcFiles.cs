using Berth.Linux.Mounts;

namespace Berth.Linux.Files;

/// <summary>
/// Files of the caller's /proc, which is seen to be one first: what something else there says decides nothing, and takes nothing (CVE-2019-16884,
/// CVE-2019-19921).
/// </summary>
public static class ProcFiles
{
    /// <summary>Opens a file that the kernel makes up, such as <c>/proc/self/uid_map</c>. Not for links to elsewhere: see <see cref="OpenFolder"/>.</summary>
    /// <exception cref="LinuxException">It cannot be opened.</exception>
    /// <exception cref="InvalidDataException">It is no proc that lies there.</exception>
    public static FileDescriptor Open(string path, ulong flags) => Verified(Paths.Open(path, flags), path);

    /// <summary>Opens a folder to find files and links in, with O_PATH.</summary>
    /// <exception cref="LinuxException">It cannot be opened.</exception>
    /// <exception cref="InvalidDataException">It is no proc that lies there.</exception>
    public static FileDescriptor OpenFolder(string path) => Verified(Paths.Open(path, OpenFlags.O_PATH | OpenFlags.O_DIRECTORY), path);

    /// <summary>Opens exactly the file that an O_PATH descriptor stands for, wherever its name leads by now.</summary>
    /// <exception cref="LinuxException">It cannot be opened.</exception>
    /// <exception cref="InvalidDataException">/proc is no proc.</exception>
    public static FileDescriptor Reopen(FileDescriptor pinned, ulong flags)
    {
        Span<byte> name = stackalloc byte[11];
        using FileDescriptor folder = OpenFolder("/proc/self/fd");
        return pinned.Number.TryFormat(name, out int length, default, provider: null)
            ? Paths.Open(folder, name[..length], flags)
            : throw new InvalidOperationException("a descriptor's number has at most ten digits");
    }

    private static FileDescriptor Verified(FileDescriptor file, string path)
    {
        try
        {
            if (FileSystemKind.Of(file) == FileSystemKind.PROC_SUPER_MAGIC)
                return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }

        file.Dispose();
        throw new InvalidDataException($"{path} is not in a proc file system");
    }
}
