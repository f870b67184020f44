using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Users;

/// <summary>Reads files of a root file system that nothing is trusted about: links stay inside, only regular files are opened, the size has a bound.</summary>
internal static class RootFiles
{
    /// <summary>The most that is read of one file; account files of real systems stay far below.</summary>
    public const int MaxBytes = 16 << 20;

    /// <summary>The text, or null when there is no such file.</summary>
    /// <param name="root">The root file system.</param>
    /// <param name="path">From the root, without a leading slash.</param>
    /// <exception cref="InvalidDataException">It is no regular file, or too large.</exception>
    /// <exception cref="LinuxException">It cannot be opened or read otherwise.</exception>
    public static string? TryRead(FileDescriptor root, string path)
    {
        FileDescriptor pinned;
        try
        {
            pinned = Paths.Open(
                root, Encoding.UTF8.GetBytes(path), OpenFlags.O_PATH, resolve: ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }

        using (pinned)
        {
            // Opening a FIFO or device could block or act; so the kind is known first, and exactly that file is then opened.
            FileStatus status = FileStatusCalls.Stat(pinned);
            if (status.Type != FileTypes.S_IFREG)
                throw new InvalidDataException($"/{path} in the root file system is not a regular file");
            if (status.Size > MaxBytes)
                throw new InvalidDataException($"/{path} in the root file system has {status.Size} bytes, more than the {MaxBytes} that are read");
            using FileDescriptor file = ProcFiles.Reopen(pinned, OpenFlags.O_RDONLY);
            byte[] content = new byte[status.Size];
            return Encoding.UTF8.GetString(content.AsSpan(0, PlainFile.ReadAt(file, content, 0)));
        }
    }
}
