using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// Fills a container's /dev. It is a fresh tmpfs that is attached nowhere yet, so nothing in an image can redirect a node (a link at /dev/null, say),
/// and it costs the new process nothing.
/// </summary>
internal static class DeviceTree
{
    private static readonly DeviceSpec[] Defaults =
    [
        Character("/dev/null", 1, 3), Character("/dev/zero", 1, 5), Character("/dev/full", 1, 7), Character("/dev/random", 1, 8),
        Character("/dev/urandom", 1, 9), Character("/dev/tty", 5, 0),
    ];

    private static readonly (string Name, string Target)[] Links =
        [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx")];

    /// <summary>Makes the default nodes and links of the OCI specification (config-linux.md, "Default Devices"), and the configured ones below /dev.</summary>
    /// <param name="dev">The tmpfs.</param>
    /// <param name="devices">The configuration's.</param>
    /// <param name="console">Whether an empty file for the console is wanted.</param>
    /// <exception cref="LinuxException">Names the node.</exception>
    /// <exception cref="ArgumentException">A device makes no sense.</exception>
    public static void Fill(FileDescriptor dev, IReadOnlyList<DeviceSpec> devices, bool console)
    {
        foreach (DeviceSpec device in Defaults)
            MakeNode(dev, RootResolver.Split(device.Path)[1..], device);
        foreach (DeviceSpec device in devices)
        {
            string[] parts = RootResolver.Split(device.Path);
            if (parts is ["dev", _, ..])
                MakeNode(dev, parts[1..], device);
        }

        foreach ((string name, string target) in Links)
            Paths.MakeSymlink(Encoding.UTF8.GetBytes(target), dev, Encoding.UTF8.GetBytes(name));
        foreach (string folder in (ReadOnlySpan<string>)["pts", "shm", "mqueue"])
            Paths.MakeFolder(dev, Encoding.UTF8.GetBytes(folder), 0x1ED);
        if (console)
            Paths.Open(dev, "console"u8, OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY, 0x180).Dispose();
    }

    /// <summary>Steps for configured devices outside /dev, or for all when /dev is not a fresh tmpfs.</summary>
    /// <exception cref="ArgumentException">A device makes no sense.</exception>
    public static void AddOutside(SyscallPlan plan, RootResolver resolver, IReadOnlyList<DeviceSpec> devices)
    {
        foreach (DeviceSpec device in devices)
        {
            string[] parts = RootResolver.Split(device.Path);
            if (parts.Length == 0)
                throw new ArgumentException("a device at / makes no sense", nameof(devices));
            if (parts is ["dev", _, ..])
                continue;
            string step = $"creating device \"{device.Path}\"";
            SyscallNumbers calls = SyscallNumbers.Current;
            (uint mode, ulong number) = Describe(device);
            nint name = plan.Text(parts[^1]);
            resolver.Ensure(step, "/" + string.Join('/', parts[..^1]), folder: true);
            plan.Call(step, calls.Mknodat, resolver.Target, name, (nint)mode, (nint)number);
            plan.Call(step, calls.Fchownat, resolver.Target, name, (nint)(device.Uid ?? 0), (nint)(device.Gid ?? 0), Linux.Mounts.MountCalls.AT_SYMLINK_NOFOLLOW);
            resolver.CloseTarget();
        }
    }

    private static DeviceSpec Character(string path, long major, long minor) =>
        new() { Type = "c", Path = path, Major = major, Minor = minor, FileMode = 0x1B6 };

    private static void MakeNode(FileDescriptor dev, string[] parts, DeviceSpec device)
    {
        (uint mode, _) = Describe(device);
        string path = string.Join('/', parts);
        byte[] name = Encoding.UTF8.GetBytes(path);
        for (int i = 1; i < parts.Length; i++)
        {
            byte[] folder = Encoding.UTF8.GetBytes(string.Join('/', parts[..i]));
            if (!FileStatusCalls.TryStat(dev, folder, out _))
                Paths.MakeFolder(dev, folder, 0x1ED);
        }

        if (FileStatusCalls.TryStat(dev, name, out _))
            Paths.Unlink(dev, name); // a configured device takes the place of a default one
        Paths.MakeNode(dev, name, mode, (uint)(device.Major ?? 0), (uint)(device.Minor ?? 0));
        FileAttributeCalls.SetMode(dev, name, mode);
        if ((device.Uid ?? 0) != 0 || (device.Gid ?? 0) != 0)
            FileAttributeCalls.SetOwner(dev, name, device.Uid ?? 0, device.Gid ?? 0);
    }

    private static (uint Mode, ulong Number) Describe(DeviceSpec device)
    {
        uint type = device.Type switch
        {
            "c" or "u" => FileTypes.S_IFCHR,
            "b" => FileTypes.S_IFBLK,
            "p" => FileTypes.S_IFIFO,
            _ => throw new ArgumentException($"device \"{device.Path}\" has type '{device.Type}'; known are c, u, b and p"),
        };
        if (type != FileTypes.S_IFIFO && (device.Major is null or < 0 or > uint.MaxValue || device.Minor is null or < 0 or > uint.MaxValue))
            throw new ArgumentException($"device \"{device.Path}\" needs a major and a minor number");
        return (type | (device.FileMode ?? 0x1B6) & 0xFFF, FileTypes.Device((uint)(device.Major ?? 0), (uint)(device.Minor ?? 0)));
    }
}
