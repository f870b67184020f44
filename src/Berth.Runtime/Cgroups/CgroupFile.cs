using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Cgroups;

/// <summary>Reading and writing the kernel's small text files; failures name the file.</summary>
internal static class CgroupFile
{
    /// <summary>The whole text.</summary>
    /// <exception cref="LinuxException">ENOENT and others.</exception>
    /// <exception cref="InvalidDataException">The path is one below /proc, and that is no proc.</exception>
    public static string Read(string path)
    {
        using FileDescriptor file =
            path.StartsWith("/proc/", StringComparison.Ordinal) ? ProcFiles.Open(path, OpenFlags.O_RDONLY) : Paths.Open(path, OpenFlags.O_RDONLY);
        byte[] buffer = new byte[4096];
        int length = 0;
        while (true)
        {
            Errno errno = DescriptorIo.TryRead(file.Number, buffer.AsSpan(length), out int count);
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", path);
            if (count == 0)
                return Encoding.UTF8.GetString(buffer, 0, length);
            length += count;
            if (length == buffer.Length)
                Array.Resize(ref buffer, length * 2);
        }
    }

    /// <summary>The text, or null when there is no such file.</summary>
    /// <exception cref="LinuxException">Anything but ENOENT and ENODEV (the cgroup is being removed).</exception>
    public static string? TryRead(string path)
    {
        try
        {
            return Read(path);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENODEV)
        {
            return null;
        }
    }

    /// <summary>Writes each value with one write(2).</summary>
    /// <exception cref="LinuxException">Names file and value.</exception>
    public static void Write(string path, params ReadOnlySpan<string> values)
    {
        using FileDescriptor file = Paths.Open(path, OpenFlags.O_WRONLY);
        foreach (string value in values)
        {
            Errno errno = TryWrite(file, value);
            if (errno != Errno.None)
                throw new LinuxException(errno, "write", $"'{value}' to {path}");
        }
    }

    /// <summary>Writes one value; the kernel's answer.</summary>
    /// <exception cref="LinuxException">The file could not be opened.</exception>
    public static Errno TryWrite(string path, string value)
    {
        using FileDescriptor file = Paths.Open(path, OpenFlags.O_WRONLY);
        return TryWrite(file, value);
    }

    private static Errno TryWrite(FileDescriptor file, string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        Span<byte> buffer = length <= 256 ? stackalloc byte[length] : new byte[length];
        _ = Encoding.UTF8.GetBytes(value, buffer);
        return DescriptorIo.TryWrite(file.Number, buffer, out _);
    }
}
