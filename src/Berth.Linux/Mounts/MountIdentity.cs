using System.Globalization;
using Berth.Linux.Files;

namespace Berth.Linux.Mounts;

/// <summary>Which mount a descriptor was opened on (proc_pid_fdinfo(5)).</summary>
public static class MountIdentity
{
    private const string Member = "mnt_id:";

    /// <summary>The mount's number, unique among those that exist at a time.</summary>
    /// <exception cref="IOException">The kernel does not tell.</exception>
    public static int Of(FileDescriptor file)
    {
        string path = Paths.OfDescriptor(file).Replace("/fd/", "/fdinfo/", StringComparison.Ordinal);
        foreach (string line in File.ReadLines(path))
        {
            if (line.StartsWith(Member, StringComparison.Ordinal))
                return int.Parse(line.AsSpan(Member.Length).Trim(), NumberStyles.None, CultureInfo.InvariantCulture);
        }

        throw new IOException($"{path} names no mount");
    }
}
