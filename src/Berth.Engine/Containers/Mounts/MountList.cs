using Berth.Model;
using Berth.Model.Oci.Runtime;

namespace Berth.Engine.Containers.Mounts;

/// <summary>The mounts of one run in their order. Pure: reads nothing, makes nothing.</summary>
internal static class MountList
{
    /// <summary>Where docker's engine has the init, and what ps shows.</summary>
    public const string InitName = "/sbin/docker-init";

    private static readonly string[] NetworkFiles = ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"];

    // Of the engine's own mounts those that stay writable in a container whose root is not.
    private static readonly string[] AlwaysWritable = ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"];

    /// <param name="config">What was asked.</param>
    /// <param name="binds">The container's binds, settled by <see cref="BindSources"/>.</param>
    /// <param name="folder">The container's folder, which holds the files bound into it.</param>
    /// <param name="initPath">The program bound as the container's init; null without one.</param>
    /// <param name="more">Mounts that no user could ask a container for.</param>
    public static List<MountSpec> Build(ContainerConfig config, IReadOnlyList<BindMount> binds, string folder, string? initPath, IReadOnlyList<Mount>? more = null)
    {
        ContainerHostOptions host = config.Host;

        // Those of users come after the engine's own, parents before what is in them; of two at one place tmpfs wins, as in docker's engine.
        List<MountSpec> asked = [.. binds.Where(bind => !(host.Tmpfs?.ContainsKey(bind.Destination) ?? false)).Select(ToSpec)];
        asked.AddRange((host.Tmpfs ?? []).Select(static tmpfs => New(
            tmpfs.Key, "tmpfs", "tmpfs", ["nosuid", "nodev", "noexec", .. tmpfs.Value.Split(',', StringSplitOptions.RemoveEmptyEntries)])));
        asked.AddRange((more ?? []).Select(static mount => New(mount.Destination, mount.Type, mount.Source, [.. mount.Options])));
        HashSet<string> taken = [.. asked.Select(static mount => Binds.Clean(mount.Destination))];
        asked.AddRange(NetworkFiles.Where(file => !taken.Contains(file)).Select(file => NetworkFile(file, folder, host.ReadonlyRootfs)));
        IEnumerable<MountSpec> own = Defaults(host).Where(mount => !taken.Contains(mount.Destination)
            && !(taken.Contains("/dev") && mount.Destination.StartsWith("/dev/", StringComparison.Ordinal)));
        List<MountSpec> result = [.. own.Select(mount => host.ReadonlyRootfs ? ReadOnly(mount) : mount), .. asked.OrderBy(static mount => Depth(mount.Destination))];
        if (initPath is not null)
        {
            result.Add(New(InitName, "bind", initPath, "bind", "rprivate", "ro", "nosuid", "nodev"));
        }

        return result;
    }

    private static IEnumerable<MountSpec> Defaults(ContainerHostOptions host)
    {
        string sysAccess = host.Privileged ? "rw" : "ro";
        yield return New("/proc", "proc", "proc", "nosuid", "noexec", "nodev");
        yield return New("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k");
        yield return New("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5");
        yield return New("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", sysAccess);
        yield return New("/sys/fs/cgroup", "cgroup", "cgroup", sysAccess, "nosuid", "noexec", "nodev");
        yield return host.HostIpc
            ? New("/dev/mqueue", "bind", "/dev/mqueue", "rbind", "nosuid", "noexec", "nodev")
            : New("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev");
        yield return host.HostIpc
            ? New("/dev/shm", "bind", "/dev/shm", "rbind", "nosuid", "noexec", "nodev")
            : New("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", $"size={host.ShmSize}");
    }

    private static MountSpec ReadOnly(MountSpec mount) =>
        AlwaysWritable.Contains(mount.Destination) || mount.Options!.Contains("ro") ? mount : mount with { Options = [.. mount.Options!.Where(static word => word != "rw"), "ro"] }; // all have options

    /// <summary>How a bind is mounted.</summary>
    public static string[] OptionsOf(BindMount bind) =>
        [bind.IsNonRecursive ? "bind" : "rbind", bind.Propagation, .. !bind.IsReadOnly ? (string[])[] : bind.HasShallowReadOnly ? ["ro"] : ["rro"]];

    /// <summary>How many folders deep a path is, by which mounts are ordered.</summary>
    public static int Depth(string path) => Binds.Clean(path).Count(static character => character == '/');

    private static MountSpec ToSpec(BindMount bind) => New(bind.Destination, "bind", bind.Source, OptionsOf(bind));

    private static MountSpec NetworkFile(string path, string folder, bool isReadOnly) =>
        New(path, "bind", Path.Combine(folder, Path.GetFileName(path)), ["rbind", "rprivate", .. isReadOnly ? (string[])["ro"] : []]);

    private static MountSpec New(string destination, string type, string source, params string[] options) =>
        new() { Destination = destination, Type = type, Source = source, Options = options };
}
