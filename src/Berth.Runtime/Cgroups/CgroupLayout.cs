using Berth.Linux;

namespace Berth.Runtime.Cgroups;

/// <summary>One mounted cgroup hierarchy.</summary>
/// <param name="MountPoint">Where it is mounted on the host.</param>
/// <param name="Root">Which cgroup of it is seen there: <c>/</c>, or in a container without a cgroup namespace its own.</param>
/// <param name="Controllers">v1: its controllers or <c>name=...</c>; v2: none.</param>
/// <param name="IsUnified">Whether it is the v2 one.</param>
internal sealed record CgroupHierarchy(string MountPoint, string Root, IReadOnlyList<string> Controllers, bool IsUnified)
{
    /// <summary>By which name it stands in <see cref="CgroupLocation.Folders"/>: its first controller, or nothing for v2.</summary>
    public string Key => IsUnified ? "" : Controllers[0];

    /// <summary>The folder of a cgroup, given as a path from what is mounted.</summary>
    public string Folder(string cgroupsPath) => MountPoint + cgroupsPath;

    /// <summary>The calling process's cgroup as a path from what is mounted: empty for the mounted one itself.</summary>
    /// <param name="processCgroups">The text of /proc/self/cgroup: lines <c>ID:CONTROLLERS:PATH</c> (cgroups(7)).</param>
    /// <exception cref="LinuxException">The process is in none of this hierarchy.</exception>
    public string OwnPath(string processCgroups)
    {
        foreach (string line in processCgroups.Split('\n'))
        {
            if (line.Split(':', 3) is not [var id, var controllers, var path] || (IsUnified ? id != "0" : !controllers.Split(',').Contains(Controllers[0])))
                continue;
            string own = Root != "/" && path.StartsWith(Root, StringComparison.Ordinal) ? path[Root.Length..] : path;
            return own == "/" ? "" : own;
        }

        throw new LinuxException(Errno.ENOENT, "cgroup", $"this process is in no cgroup of the hierarchy at {MountPoint}");
    }
}

/// <summary>
/// Which hierarchies this host has. v2 when the only one is the unified one; v1 otherwise, also where a unified one without controllers stands beside
/// the others ("hybrid"). This is the one place that decides.
/// </summary>
internal sealed class CgroupLayout
{
    // Words of a v1 superblock's options that are not controllers (cgroup1_show_options of the kernel).
    private static readonly string[] OptionWords =
        ["rw", "ro", "xattr", "noprefix", "clone_children", "favordynmods", "cpuset_v2_mode", "nsdelegate", "memory_recursiveprot"];

    /// <summary>A host that has these.</summary>
    public CgroupLayout(CgroupHierarchy[] hierarchies)
    {
        Hierarchies = hierarchies;
        IsV2 = Array.TrueForAll(hierarchies, static h => h.IsUnified);
        Used = IsV2 ? hierarchies : Array.FindAll(hierarchies, static h => !h.IsUnified);
    }

    /// <summary>Read once: hierarchies are not mounted and unmounted while containers run.</summary>
    public static CgroupLayout Current { get; } = Parse(CgroupFile.Read("/proc/self/mountinfo"));

    /// <summary>All of them.</summary>
    public IReadOnlyList<CgroupHierarchy> Hierarchies { get; }

    /// <summary>Those that containers are put into; of a hybrid setup all but the unified one.</summary>
    public IReadOnlyList<CgroupHierarchy> Used { get; }

    /// <summary>Whether containers live in the unified hierarchy alone.</summary>
    public bool IsV2 { get; }

    /// <summary>Links for controllers that are mounted together: link name and target.</summary>
    public IEnumerable<(string Link, string Target)> Links =>
        from hierarchy in Hierarchies
        where hierarchy.Controllers.Count > 1
        from controller in hierarchy.Controllers
        let name = Path.GetFileName(hierarchy.MountPoint)
        where controller != name
        select (controller, name);

    /// <summary>Finds the hierarchies in the text of mountinfo (proc_pid_mountinfo(5)); of several mounts of one the first counts that shows its root.</summary>
    public static CgroupLayout Parse(string mountInfo)
    {
        var devices = new List<string>();
        var found = new List<CgroupHierarchy>();
        foreach (ReadOnlySpan<char> line in mountInfo.AsSpan().EnumerateLines())
        {
            int separator = line.IndexOf(" - cgroup", StringComparison.Ordinal);
            if (separator < 0)
                continue;
            string[] left = line[..separator].ToString().Split(' ');
            string[] right = line[(separator + 3)..].ToString().Split(' ');
            if (left.Length < 6 || right.Length < 3)
                continue;
            int seen = devices.IndexOf(left[2]);
            if (seen >= 0 && (found[seen].Root == "/" || left[3] != "/"))
                continue;
            bool unified = right[0] == "cgroup2";
            string[] controllers = unified
                ? []
                : Array.FindAll(right[2].Split(','), static w => Array.IndexOf(OptionWords, w) < 0 && !w.StartsWith("release_agent=", StringComparison.Ordinal));
            if (!unified && controllers.Length == 0)
                continue;
            var hierarchy = new CgroupHierarchy(Unescape(left[4]), Unescape(left[3]), controllers, unified);
            if (seen >= 0)
            {
                found[seen] = hierarchy;
            }
            else
            {
                devices.Add(left[2]);
                found.Add(hierarchy);
            }
        }

        return new CgroupLayout([.. found]);
    }

    // mountinfo writes space, tab, newline and backslash as octal.
    private static string Unescape(string path) => path.Contains('\\', StringComparison.Ordinal)
        ? path.Replace("\\040", " ", StringComparison.Ordinal).Replace("\\011", "\t", StringComparison.Ordinal)
            .Replace("\\012", "\n", StringComparison.Ordinal).Replace("\\134", "\\", StringComparison.Ordinal)
        : path;
}
