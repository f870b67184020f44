using System.Globalization;
using System.Text;

namespace Berth.Engine.Containers.Mounts;

/// <summary>What is mounted where in this process's mount namespace, and whether it is passed on (proc_pid_mountinfo(5)).</summary>
internal sealed class HostMounts
{
    private readonly List<(string Path, bool IsShared, bool IsSlave)> mounts = [];

    /// <param name="mountinfo">The lines of <c>/proc/PID/mountinfo</c>; the last of several mounts at a place is the one that is seen.</param>
    public HostMounts(IEnumerable<string> mountinfo)
    {
        foreach (string line in mountinfo)
        {
            string[] fields = line.Split(' ');
            int end = Array.IndexOf(fields, "-");
            if (end >= 6)
            {
                ReadOnlySpan<string> optional = fields.AsSpan(6..end);
                mounts.Add((Unescape(fields[4]), StartsAny(optional, "shared:"), StartsAny(optional, "master:")));
            }
        }
    }

    /// <summary>As they are now.</summary>
    public static HostMounts Read() => new(File.ReadLines("/proc/self/mountinfo"));

    /// <summary>The mount that shows <paramref name="path"/>, a path without links: its place, and whether it is shared or a slave.</summary>
    public (string Path, bool IsShared, bool IsSlave) Find(string path) =>
        mounts.Where(mount => Binds.IsAtOrBelow(path, mount.Path)).Aggregate(
            (Path: "/", IsShared: false, IsSlave: false), static (best, mount) => mount.Path.Length >= best.Path.Length ? mount : best);

    private static bool StartsAny(ReadOnlySpan<string> words, string start)
    {
        foreach (string word in words)
        {
            if (word.StartsWith(start, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    // Space, tab, newline and backslash are written in octal.
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var result = new StringBuilder();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 3 < text.Length)
            {
                result.Append((char)((int.Parse(text.AsSpan(i + 1, 1), CultureInfo.InvariantCulture) * 64) + (int.Parse(text.AsSpan(i + 2, 1), CultureInfo.InvariantCulture) * 8)
                    + int.Parse(text.AsSpan(i + 3, 1), CultureInfo.InvariantCulture)));
                i += 3;
            }
            else
            {
                result.Append(text[i]);
            }
        }

        return result.ToString();
    }
}
