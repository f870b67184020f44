using System.Security.Cryptography;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Cli.Images;

/// <summary>Files of a layout's folder, which others may have filled and others may write at the same time. Failures are <see cref="IOException"/>s.</summary>
internal static class LayoutFiles
{
    private const uint ForAll = 0x1b6; // 0666, less the umask
    private const int BufferSize = 128 * 1024;

    /// <summary>Whether it says by itself what failed, and why.</summary>
    public static bool IsOfKernel(Exception exception) => exception is LinuxException;

    /// <summary>Whether a file has a blob's content; a symbolic link has not, whatever it leads to.</summary>
    public static bool Holds(string path, Descriptor blob)
    {
        Errno error = Paths.TryOpen(path, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK, out FileDescriptor? file);
        if (file is null)
            return error is Errno.ENOENT or Errno.ELOOP ? false : throw new LinuxException(error, "open", path);

        using (file)
        {
            FileStatus status = FileStatusCalls.Stat(file);
            if (status.Type != FileTypes.S_IFREG || status.Size != blob.Size)
                return false;

            using var content = new FileStream(file.ToFileHandle(), FileAccess.Read, BufferSize);
            return Digest.FromHash(SHA256.HashData(content)) == blob.Digest;
        }
    }

    /// <summary>
    /// Opens a file for this process alone, or makes it; waits for whoever has it. Who moves or deletes it does so before it is closed: those who wait see that.
    /// </summary>
    /// <returns>Null when the one before has moved or deleted it: what it has become is to be looked at first.</returns>
    public static FileStream? TryOpenAlone(string path)
    {
        using FileDescriptor file = Paths.Open(path, OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK, ForAll);
        FileLock.Exclusive(file);
        FileStatus status = FileStatusCalls.Stat(file);
        if (status.Type != FileTypes.S_IFREG)
            throw new LinuxException(Errno.EINVAL, "open", path);

        bool isNamed = FileStatusCalls.TryStat(Paths.WorkingFolder, System.Text.Encoding.UTF8.GetBytes(path), out FileStatus named) && named.Inode == status.Inode;
        return isNamed ? new FileStream(file.ToFileHandle(), FileAccess.ReadWrite, bufferSize: 0) : null;
    }
}
