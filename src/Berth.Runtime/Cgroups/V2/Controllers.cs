using Berth.Linux;

namespace Berth.Runtime.Cgroups.V2;

/// <summary>A controller reaches a cgroup only when each one above it hands it down (kernel: admin-guide/cgroup-v2.rst, "Controlling Controllers").</summary>
internal static class Controllers
{
    // Programs alone decide on devices, and every cgroup can be frozen; neither is a controller here.
    private static readonly string[] Always = ["cgroup", "devices", "freezer", "irq"];

    /// <summary>
    /// Hands all controllers that there are down to the cgroup, so that all are counted; one that cannot be handed down is an error only if it was asked for.
    /// </summary>
    /// <param name="folder">The cgroup's folder, which need not exist yet.</param>
    /// <param name="mountPoint">The hierarchy's.</param>
    /// <returns>Why some could not be handed down, by controller.</returns>
    public static Dictionary<string, LinuxException> HandDown(string folder, string mountPoint)
    {
        var failures = new Dictionary<string, LinuxException>(StringComparer.Ordinal);
        for (int slash = mountPoint.Length; slash > 0; slash = folder.IndexOf('/', slash + 1))
        {
            string above = folder[..slash];
            string file = above + "/cgroup.subtree_control";
            HashSet<string> missing = Words(above + "/cgroup.controllers");
            missing.ExceptWith(Words(file));
            if (missing.Count == 0 || TryWrite(file, string.Join(' ', missing.Select(static c => "+" + c))) is null)
                continue;
            foreach (string controller in missing)
            {
                if (TryWrite(file, "+" + controller) is { } failure)
                    failures[controller] = failure;
            }
        }

        return failures;
    }

    /// <summary>Throws unless the cgroup has what its settings need.</summary>
    /// <exception cref="LinuxException">Names field and controller, and why it is not there.</exception>
    public static void Check(string folder, string mountPoint, IEnumerable<CgroupSetting> settings, IReadOnlyDictionary<string, LinuxException> failures)
    {
        HashSet<string>? has = null;
        foreach (CgroupSetting setting in settings)
        {
            if (Always.Contains(setting.Controller))
                continue;
            has ??= Words(folder + "/cgroup.controllers");
            if (has.Contains(setting.Controller))
                continue;
            string why = failures.TryGetValue(setting.Controller, out LinuxException? failure) ? $"could not be handed down: {failure.Message}{Hint(failure.Errno)}"
                : Words(mountPoint + "/cgroup.controllers").Contains(setting.Controller) ? $"is not handed down to {folder}"
                : "is not part of this host's cgroup v2 hierarchy (disabled in the kernel, or mounted as v1)";
            throw new LinuxException(failure?.Errno ?? Errno.ENOENT, "cgroup", $"linux.resources.{setting.Field} needs the controller '{setting.Controller}', which {why}");
        }
    }

    /// <summary>Throws for a cgroup that cannot hold processes.</summary>
    /// <exception cref="LinuxException">EOPNOTSUPP: it is threaded, or stands below one that is.</exception>
    public static void CheckType(string folder)
    {
        string type = (CgroupFile.TryRead(folder + "/cgroup.type") ?? "domain").Trim();
        if (type is not ("domain" or "domain threaded"))
            throw new LinuxException(Errno.EOPNOTSUPP, "cgroup", $"{folder} is of type \"{type}\" and cannot hold a container: choose a linux.cgroupsPath that is not below a threaded cgroup");
    }

    /// <summary>The words in a file; none without it.</summary>
    public static HashSet<string> Words(string path) =>
        [.. (CgroupFile.TryRead(path) ?? "").Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)];

    private static string Hint(Errno errno) => errno == Errno.EBUSY ? " (a cgroup with processes of its own hands nothing down)" : "";

    private static LinuxException? TryWrite(string file, string value)
    {
        try
        {
            CgroupFile.Write(file, value);
            return null;
        }
        catch (LinuxException e)
        {
            return e;
        }
    }
}
