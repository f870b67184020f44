using System.Globalization;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.RuntimeHost.Containers;

/// <summary>The file (<c>--pid-file</c>) that tells a process's id to the caller.</summary>
internal static class PidFile
{
    /// <summary>Writes it so that a reader sees the whole number or no file.</summary>
    /// <exception cref="LinuxException">It cannot be written.</exception>
    public static void Write(string? path, int pid)
    {
        if (string.IsNullOrEmpty(path))
            return;
        string full = Path.GetFullPath(path);
        string beside = Path.Combine(Path.GetDirectoryName(full) ?? "/", $".{Path.GetFileName(full)}.{Environment.ProcessId}");
        try
        {
            using (FileDescriptor file = Paths.Open(beside, OpenFlags.O_WRONLY | OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_NOFOLLOW, 0x1A4))
                FileData.Write(file, Encoding.ASCII.GetBytes(pid.ToString(CultureInfo.InvariantCulture)));
            Paths.Rename(Paths.WorkingFolder, Encoding.UTF8.GetBytes(beside), Paths.WorkingFolder, Encoding.UTF8.GetBytes(full));
        }
        catch (LinuxException e)
        {
            _ = PlainFile.Unlink(beside);
            throw new LinuxException(e.Errno, "writing the pid file", path);
        }
    }
}
