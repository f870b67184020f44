using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Rootfs;

/// <summary>The SELinux label of new file systems, <c>linux.mountLabel</c>.</summary>
internal static class MountLabel
{
    /// <summary>The option that sets it; null when there is none to set.</summary>
    /// <exception cref="ArgumentException">The kernel has no SELinux.</exception>
    public static string? Option(string? label) =>
        string.IsNullOrEmpty(label) ? null
        : CgroupFile.Read("/proc/filesystems").Contains("\tselinuxfs\n", StringComparison.Ordinal) ? "context=" + label
        : throw new ArgumentException($"linux.mountLabel is \"{label}\", but this kernel has no SELinux");
}
