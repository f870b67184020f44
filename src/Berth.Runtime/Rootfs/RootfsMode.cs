using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Rootfs;

/// <summary>Which process makes the mounts of a container; the other one only attaches them.</summary>
/// <param name="FileSystemsInChild">New file systems (tmpfs, devpts, ...) are made by the new process, so that they belong to its user namespace.</param>
/// <param name="BindsInChild">Binds are, too: the calling process may not mount. Their flags are then locked as mount_namespaces(7) says.</param>
internal sealed record RootfsMode(bool FileSystemsInChild, bool BindsInChild)
{
    private const ulong CAP_SYS_ADMIN = 1UL << 21;

    /// <summary>No user namespace.</summary>
    public static RootfsMode Host { get; } = new(FileSystemsInChild: false, BindsInChild: false);

    /// <summary>A user namespace, new or joined, and a caller that may mount: it opens sources that the namespace's users could not reach.</summary>
    public static RootfsMode UserNamespace { get; } = new(FileSystemsInChild: true, BindsInChild: false);

    /// <summary>A user namespace, and a caller without privileges.</summary>
    public static RootfsMode Rootless { get; } = new(FileSystemsInChild: true, BindsInChild: true);

    /// <summary>The mode for this caller.</summary>
    /// <param name="userNamespace">Whether the container has one of its own.</param>
    public static RootfsMode For(bool userNamespace) => !userNamespace ? Host : MayMount() ? UserNamespace : Rootless;

    /// <summary>The mode for a container of this configuration.</summary>
    public static RootfsMode Of(RuntimeSpec spec) => For(spec.Linux?.Namespaces?.Any(static n => n.Type == "user") == true);

    // Effective capabilities count for the user namespace that this process is in, which is also its mount namespace's owner where there is no trick.
    private static bool MayMount()
    {
        const string Field = "CapEff:\t";
        string status = Cgroups.CgroupFile.Read("/proc/self/status");
        int start = status.IndexOf(Field, StringComparison.Ordinal) + Field.Length;
        return (Convert.ToUInt64(status.Substring(start, 16), 16) & CAP_SYS_ADMIN) != 0;
    }
}
