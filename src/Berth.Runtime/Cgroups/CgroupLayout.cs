using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Cgroups;

/// <summary>One mounted cgroup hierarchy.</summary>
/// <param name="MountPoint">Where it is mounted on the host.</param>
/// <param name="Controllers">v1: its controllers or <c>name=...</c>; v2: none.</param>
/// <param name="IsUnified">Whether it is the v2 one.</param>
internal sealed record CgroupHierarchy(string MountPoint, IReadOnlyList<string> Controllers, bool IsUnified)
{
    /// <summary>The folder of a cgroup, given as a path from the hierarchy's root.</summary>
    public string Folder(string cgroupsPath) => MountPoint + cgroupsPath;
}

/// <summary>
/// Which hierarchies this host has. v2 when the only one is the unified one; v1 otherwise, also where a unified one without controllers stands beside
/// the others ("hybrid"). This is the one place that decides.
/// </summary>
internal sealed record CgroupLayout(IReadOnlyList<CgroupHierarchy> Hierarchies)
{
    // Words of a v1 superblock's options that are not controllers (cgroup1_show_options of the kernel).
    private static readonly string[] OptionWords =
        ["rw", "ro", "xattr", "noprefix", "clone_children", "favordynmods", "cpuset_v2_mode", "nsdelegate", "memory_recursiveprot"];

    /// <summary>Read once: hierarchies are not mounted and unmounted while containers run.</summary>
    public static CgroupLayout Current { get; } = Parse(CgroupFile.Read("/proc/self/mountinfo"));

    /// <summary>Whether containers live in the unified hierarchy alone.</summary>
    public bool IsV2 => Hierarchies.All(static h => h.IsUnified);

    /// <summary>Finds the hierarchies in the text of mountinfo (proc_pid_mountinfo(5)); of several mounts of one the first counts.</summary>
    public static CgroupLayout Parse(string mountInfo)
    {
        var found = new List<CgroupHierarchy>();
        var devices = new HashSet<string>(StringComparer.Ordinal);
        foreach (string line in mountInfo.Split('\n'))
        {
            int separator = line.IndexOf(" - cgroup", StringComparison.Ordinal);
            if (separator < 0)
                continue;
            string[] left = line[..separator].Split(' ');
            string[] right = line[(separator + 3)..].Split(' ');
            if (left.Length < 6 || right.Length < 3 || left[3] != "/" || !devices.Add(left[2]))
                continue;
            bool unified = right[0] == "cgroup2";
            string[] controllers = unified
                ? []
                : [.. right[2].Split(',').Where(static w => !OptionWords.Contains(w) && !w.StartsWith("release_agent=", StringComparison.Ordinal))];
            found.Add(new CgroupHierarchy(Unescape(left[4]), controllers, unified));
        }

        return new CgroupLayout(found);
    }

    // mountinfo writes space, tab, newline and backslash as octal.
    private static string Unescape(string path) => path.Contains('\\', StringComparison.Ordinal)
        ? path.Replace("\\040", " ", StringComparison.Ordinal).Replace("\\011", "\t", StringComparison.Ordinal)
            .Replace("\\012", "\n", StringComparison.Ordinal).Replace("\\134", "\\", StringComparison.Ordinal)
        : path;
}

/// <summary>Reading and writing the kernel's small text files; failures name the file.</summary>
internal static class CgroupFile
{
    /// <summary>The whole text.</summary>
    /// <exception cref="LinuxException">ENOENT and others.</exception>
    public static string Read(string path)
    {
        using FileDescriptor file = Paths.Open(path, OpenFlags.O_RDONLY);
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
        Span<byte> buffer = stackalloc byte[256];
        foreach (string value in values)
        {
            int length = Encoding.UTF8.GetBytes(value, buffer);
            Errno errno = DescriptorIo.TryWrite(file.Number, buffer[..length], out _);
            if (errno != Errno.None)
                throw new LinuxException(errno, "write", $"'{value}' to {path}");
        }
    }
}
