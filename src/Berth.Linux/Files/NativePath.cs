using System.Text;

namespace Berth.Linux.Files;

/// <summary>Paths as the kernel takes them: bytes without a zero inside, ended by one.</summary>
public static class NativePath
{
    /// <summary>PATH_MAX, the terminating zero included.</summary>
    public const int Max = 4096;

    /// <summary>Copies <paramref name="path"/> into <paramref name="buffer"/> (at least <see cref="Max"/> bytes) and ends it with a zero.</summary>
    /// <exception cref="LinuxException">ENAMETOOLONG, or EINVAL for a zero byte inside, as the kernel would not see the rest.</exception>
    internal static void Terminate(ReadOnlySpan<byte> path, Span<byte> buffer, string call)
    {
        if (path.Length >= buffer.Length)
        {
            throw new LinuxException(Errno.ENAMETOOLONG, call, Show(path));
        }

        if (path.Contains((byte)0))
        {
            throw new LinuxException(Errno.EINVAL, call, Show(path));
        }

        path.CopyTo(buffer);
        buffer[path.Length] = 0;
    }

    /// <summary>The path for a message; at most 200 bytes of it, control characters escaped.</summary>
    public static string Show(ReadOnlySpan<byte> path)
    {
        string text = Encoding.UTF8.GetString(path.Length > 200 ? path[..200] : path);
        return text.Any(char.IsControl) ? string.Concat(text.Select(static c => char.IsControl(c) ? $"\\x{(int)c:x2}" : c.ToString())) : text;
    }
}
