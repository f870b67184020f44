using Berth.Linux.Mounts;
using Berth.Runtime.Cgroups.Systemd;

namespace Berth.Runtime.Cgroups;

/// <summary>From what a container asks for to folders. Nothing is made or changed.</summary>
internal static class CgroupLocator
{
    /// <summary>Where the cgroup of a request will be.</summary>
    /// <param name="request">What is asked.</param>
    /// <param name="layout">The host's hierarchies.</param>
    /// <param name="processCgroups">The text of /proc/self/cgroup; asked only when a relative path needs it.</param>
    /// <exception cref="ArgumentException">The path has not the driver's form.</exception>
    /// <exception cref="Berth.Linux.LinuxException">The caller's own cgroup, or the user's systemd, could not be asked.</exception>
    public static CgroupLocation Locate(CgroupRequest request, CgroupLayout layout, Func<string> processCgroups)
    {
        string path = request.CgroupsPath ?? "";
        if (request.Systemd)
            return LocateScope(request, layout, path);
        if (path.StartsWith('/'))
        {
            CheckAbsolute(path);
            return At(layout, _ => path);
        }

        string relative = path.Length == 0 ? request.ContainerId : path;
        CheckParts(relative, path);
        string own = processCgroups();
        return At(layout, hierarchy =>
        {
            string above = hierarchy.OwnPath(own);
            if (hierarchy.IsUnified && above.Length > 0)
                above = above[..above.LastIndexOf('/')];
            return $"{above}/{relative}";
        });
    }

    /// <summary>The location of an absolute path in all hierarchies.</summary>
    public static CgroupLocation At(CgroupLayout layout, Func<CgroupHierarchy, string> path)
    {
        var folders = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (CgroupHierarchy hierarchy in layout.Used)
        {
            string folder = hierarchy.Folder(path(hierarchy));
            if (hierarchy.IsUnified)
                folders[""] = folder;
            foreach (string controller in hierarchy.Controllers)
                folders[controller] = folder;
        }

        return new CgroupLocation { Folders = folders };
    }

    /// <summary>Refuses what is not a path like <c>/berth/NAME</c>.</summary>
    /// <exception cref="ArgumentException">The path is not absolute, is the root, or has empty, <c>.</c> or <c>..</c> parts.</exception>
    public static void CheckAbsolute(string path)
    {
        if (!path.StartsWith('/'))
            throw Wrong(path, "must be an absolute path like /berth/NAME");
        CheckParts(path[1..], path);
    }

    /// <summary>Refuses a location out of a damaged file: the folders are ended and removed with all that is in them.</summary>
    /// <exception cref="ArgumentException">A folder that exists is not a cgroup, or is the root of a hierarchy.</exception>
    public static void CheckStored(CgroupLocation location)
    {
        string? last = null;
        foreach (string? folder in location.Folders.Values)
        {
            if (folder == last)
                continue;
            last = folder;
            if (folder is not ['/', ..] || HasOddPart(folder) || IsCgroup(folder) is { } kind && (!kind || IsCgroup(folder[..folder.LastIndexOf('/')]) is not true))
                throw NotBelowRoot(folder);
        }
    }

    /// <summary>That.</summary>
    public static ArgumentException NotBelowRoot(string? folder) => new($"the stored cgroup \"{folder}\" is not below the root of a cgroup hierarchy");

    // Empty, "." or "..": what is absent is no cgroup then either, but could be something else when it is removed.
    internal static bool HasOddPart(string folder)
    {
        ReadOnlySpan<char> path = folder.AsSpan(1);
        foreach (Range part in path.Split('/'))
        {
            if (path[part] is "" or "." or "..")
                return true;
        }

        return false;
    }

    // null: there is nothing.
    private static bool? IsCgroup(string folder) =>
        FileSystemKind.TryOf(folder.Length == 0 ? "/" : folder) is { } kind ? kind is FileSystemKind.CGROUP_SUPER_MAGIC or FileSystemKind.CGROUP2_SUPER_MAGIC : null;

    private static void CheckParts(string relative, string path)
    {
        if (relative.Contains('\0', StringComparison.Ordinal) || relative.Contains('\n', StringComparison.Ordinal)
            || relative.Split('/').Any(static part => part is "" or "." or ".."))
            throw Wrong(path, "must name a cgroup below the root, like /berth/NAME, without empty parts, '.' and '..'");
    }

    private static CgroupLocation LocateScope(CgroupRequest request, CgroupLayout layout, string path)
    {
        string[] parts = path.Length == 0 ? ["", "berth", request.ContainerId] : path.Split(':');
        if (parts is not [var slice, var prefix, { Length: > 0 } name])
            throw Wrong(path, "must have the form SLICE:PREFIX:NAME, as systemd is to make the cgroup");
        if (slice.Length == 0)
            slice = request.Rootless ? "user.slice" : "system.slice";
        string unit = UnitNames.Scope(prefix, name);
        string below = UnitNames.SlicePath(slice) + "/" + unit;
        string above = "";
        if (request.Rootless)
        {
            using SystemdManager manager = SystemdManager.Connect(user: true);
            above = manager.ControlGroup();
        }

        return At(layout, _ => above + below) with { Systemd = new SystemdUnit(unit, slice, request.Rootless) };
    }

    private static ArgumentException Wrong(string path, string what) => new($"linux.cgroupsPath \"{path}\" {what}");
}
