using Berth.Linux;

namespace Berth.Runtime.Cgroups;

/// <summary>One value for one file of a cgroup.</summary>
/// <param name="Controller">Whose file it is.</param>
/// <param name="File">The file's name.</param>
/// <param name="Value">What to write.</param>
/// <param name="Field">The configuration's field that asks for it, for messages.</param>
internal sealed record CgroupSetting(string Controller, string File, string Value, string Field);

/// <summary>Writes settings whose values limit each other.</summary>
internal static class CgroupSettings
{
    /// <summary>
    /// Writes all to the folder. The kernel refuses a value that contradicts another one of the moment (a memory limit above that of memory and swap,
    /// a quota below the burst), though both will be right in the end; so what it refuses is tried again after the others, as long as that helps.
    /// </summary>
    /// <exception cref="LinuxException">Names field, value and file; what was written before stays.</exception>
    public static void Write(string folder, IEnumerable<CgroupSetting> settings)
    {
        List<CgroupSetting> pending = [.. settings];
        while (pending.Count > 0)
        {
            LinuxException? first = null;
            List<CgroupSetting> refused = [];
            foreach (CgroupSetting setting in pending)
            {
                Errno errno = Write(folder, setting);
                if (errno == Errno.None)
                    continue;
                LinuxException failure = Failure(folder, setting, errno);
                if (errno is not (Errno.EINVAL or Errno.EBUSY))
                    throw failure;
                first ??= failure;
                refused.Add(setting);
            }

            if (refused.Count == pending.Count)
                throw first!; // set with the first one refused
            pending = refused;
        }
    }

    private static Errno Write(string folder, CgroupSetting setting)
    {
        try
        {
            return CgroupFile.TryWrite($"{folder}/{setting.File}", setting.Value);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT && Directory.Exists(folder))
        {
            throw new LinuxException(
                Errno.ENOENT, "cgroup", $"linux.resources.{setting.Field} needs {setting.File}, which this kernel does not have in {folder}");
        }
    }

    private static LinuxException Failure(string folder, CgroupSetting setting, Errno errno) =>
        new(errno, "write", $"'{setting.Value}' to {folder}/{setting.File} (linux.resources.{setting.Field}){Hint(folder, setting, errno)}");

    private static string Hint(string folder, CgroupSetting setting, Errno errno) => (setting.File, errno) switch
    {
        ("memory.limit_in_bytes" or "memory.memsw.limit_in_bytes", Errno.EBUSY) =>
            $", of which {CgroupFile.TryRead(folder + "/memory.usage_in_bytes")?.Trim()} are in use and cannot be reclaimed",
        ("memory.limit_in_bytes", Errno.EINVAL) =>
            $", above memory and swap together, which are limited to {CgroupFile.TryRead(folder + "/memory.memsw.limit_in_bytes")?.Trim()}: set memory.swap too",
        ("memory.memsw.limit_in_bytes", Errno.EINVAL) =>
            $", below memory alone, which is limited to {CgroupFile.TryRead(folder + "/memory.limit_in_bytes")?.Trim()}",
        ("cpu.rt_runtime_us", Errno.EINVAL) => ", more than the cgroup above has left: give it real-time first",
        ("cpuset.cpus" or "cpuset.mems", Errno.EACCES or Errno.EINVAL or Errno.ENOSPC) => ", not a part of what the cgroup above has",
        (_, (Errno)524) => "; this kernel no longer limits it",
        _ => "",
    };
}
