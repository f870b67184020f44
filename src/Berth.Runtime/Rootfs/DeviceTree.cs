using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// A container's devices: the defaults of the OCI specification (config-linux.md, "Default Devices") and the configured ones, which win. /dev is usually a
/// fresh tmpfs that is attached nowhere yet, so nothing in an image can redirect a node (a link at /dev/null, say), and it costs the new process nothing.
/// Where nodes cannot be made, as in user namespaces, the host's are bound instead: only if they are the devices that their names promise.
/// </summary>
internal sealed class DeviceTree
{
    private const nint NodeOrFolderMode = 0x1ED;

    private static readonly DeviceSpec[] Defaults =
    [
        Character("/dev/null", 1, 3), Character("/dev/zero", 1, 5), Character("/dev/full", 1, 7), Character("/dev/random", 1, 8),
        Character("/dev/urandom", 1, 9), Character("/dev/tty", 5, 0),
    ];

    private static readonly (string Name, string Target)[] Links =
        [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx")];

    private static readonly string[] Folders = ["pts", "shm", "mqueue"];

    private readonly SyscallPlan plan;
    private readonly RootResolver resolver;
    private readonly NewFileSystem maker;
    private readonly RootfsMode mode;
    private readonly bool console;
    private readonly List<(string[] Path, DeviceSpec Device)> devices = [];
    private readonly List<(string[] Path, DeviceSpec Device)> toBind = [];

    /// <exception cref="ArgumentException">A device makes no sense.</exception>
    public DeviceTree(
        SyscallPlan plan, RootResolver resolver, NewFileSystem maker, RootfsMode mode, IReadOnlyList<DeviceSpec> configured, bool console)
    {
        this.plan = plan;
        this.resolver = resolver;
        this.maker = maker;
        this.mode = mode;
        this.console = console;
        foreach (DeviceSpec device in Defaults.Concat(configured))
        {
            string[] path = RootResolver.Split(device.Path);
            if (path.Length == 0 || path is ["dev"] || !device.Path.StartsWith('/'))
                throw new ArgumentException($"linux.devices: \"{device.Path}\" must be the absolute path of a device");
            if (device.Path.Length >= NativePath.Max)
                throw new ArgumentException($"device \"{device.Path[..100]}...\": its path has {device.Path.Length} characters; paths have less than {NativePath.Max}");
            _ = Describe(device);
            if (path is ["dev", "ptmx"])
                continue; // engines name every device of the host; this one is a link to the container's own terminals
            devices.RemoveAll(other => other.Path.SequenceEqual(path));
            devices.Add((path, device));
        }
    }

    private static SyscallNumbers Calls => SyscallNumbers.Current;

    /// <summary>Fills a tmpfs for /dev that this process has made.</summary>
    /// <exception cref="LinuxException">Names the node.</exception>
    public void Fill(FileDescriptor dev)
    {
        foreach ((string[] path, DeviceSpec device) in InDev)
            MakeNode(dev, path, device);
        foreach ((string name, string target) in FreeLinks)
            Paths.MakeSymlink(Encoding.UTF8.GetBytes(target), dev, Encoding.UTF8.GetBytes(name));
        foreach (string folder in Folders)
            EnsureFolder(dev, folder);
        if (console && !FileStatusCalls.TryStat(dev, "console"u8, out _))
            MakeFile(dev, "console"u8);
    }

    /// <summary>Adds the steps for what <see cref="Fill"/> was not allowed to do; the tmpfs is attached by then.</summary>
    public void AddRest(FileDescriptor dev)
    {
        foreach ((string[] path, DeviceSpec device) in toBind)
            AddBind(Step(device), dev.Number, string.Join('/', path[1..]), device);
    }

    /// <summary>Adds the steps that fill a tmpfs for /dev which the new process has made and attached.</summary>
    public void AddFill(PlanArgument dev)
    {
        var folders = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string[] path, DeviceSpec device) in InDev)
        {
            string step = Step(device);
            for (int i = 2; i < path.Length; i++)
            {
                string folder = string.Join('/', path[1..i]);
                if (folders.Add(folder))
                    plan.Call(step, Calls.Mkdirat, dev, plan.Text(folder), NodeOrFolderMode);
            }

            string name = string.Join('/', path[1..]);
            (uint nodeMode, _) = Describe(device);
            nint text = plan.Text(name);
            if (device.Type == "p") // anybody may make these
            {
                plan.Call(step, Calls.Mknodat, dev, text, (nint)nodeMode, 0);
                plan.Call(step, Calls.Fchownat, dev, text, (nint)(device.Uid ?? 0), (nint)(device.Gid ?? 0), MountCalls.AT_SYMLINK_NOFOLLOW);
                continue;
            }

            plan.Call(step, Calls.Mknodat, dev, text, (nint)(FileTypes.S_IFREG | 0x1B6), 0);
            AddBind(step, dev, name, device);
        }

        foreach ((string name, string target) in FreeLinks)
            plan.Call($"making the link \"/dev/{name}\"", Calls.Symlinkat, plan.Text(target), dev, plan.Text(name));
        foreach (string folder in Folders.Where(folders.Add))
            plan.Call($"making \"/dev/{folder}\"", Calls.Mkdirat, dev, plan.Text(folder), NodeOrFolderMode);
        if (console)
            plan.Call("making \"/dev/console\"", Calls.Mknodat, dev, plan.Text("console"), (nint)(FileTypes.S_IFREG | 0x180), 0).Tolerating(Errno.EEXIST);
    }

    /// <summary>Adds the steps for devices outside /dev.</summary>
    public void AddOutside()
    {
        foreach ((string[] path, DeviceSpec device) in devices.Where(static d => d.Path[0] != "dev"))
            AddByPath(path, device, replace: false);
    }

    /// <summary>Adds the steps that make everything in a /dev which is not a fresh tmpfs.</summary>
    /// <param name="replace">Whether what an image put there gives way; not where /dev is a mount that others may see, too.</param>
    public void AddToImage(bool replace)
    {
        foreach ((string[] path, DeviceSpec device) in InDev)
            AddByPath(path, device, replace);
        resolver.Ensure("opening \"/dev\"", "/dev", folder: true);
        foreach ((string name, string target) in FreeLinks)
        {
            nint text = plan.Text(name);
            if (replace && name == "ptmx")
                plan.Call("removing the image's \"/dev/ptmx\"", Calls.Unlinkat, resolver.Target, text, 0).Tolerating(Errno.ENOENT);
            plan.Call($"making the link \"/dev/{name}\"", Calls.Symlinkat, plan.Text(target), resolver.Target, text).Tolerating(Errno.EEXIST);
        }

        resolver.CloseTarget();
    }

    // A device that was asked for at a link's name is there instead of it.
    private IEnumerable<(string Name, string Target)> FreeLinks => Links.Where(link => !devices.Exists(d => d.Path is ["dev", var name] && name == link.Name));

    private IEnumerable<(string[] Path, DeviceSpec Device)> InDev => devices.Where(static d => d.Path[0] == "dev");

    private static string Step(DeviceSpec device) => $"creating device \"{device.Path}\"";

    private static DeviceSpec Character(string path, long major, long minor) =>
        new() { Type = "c", Path = path, Major = major, Minor = minor, FileMode = 0x1B6 };

    private void MakeNode(FileDescriptor dev, string[] path, DeviceSpec device)
    {
        (uint mode, _) = Describe(device);
        byte[] name = Encoding.UTF8.GetBytes(string.Join('/', path[1..]));
        for (int i = 2; i < path.Length; i++)
            EnsureFolder(dev, string.Join('/', path[1..i]));
        try
        {
            Paths.MakeNode(dev, name, mode, (uint)(device.Major ?? 0), (uint)(device.Minor ?? 0));
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM)
        {
            MakeFile(dev, name);
            toBind.Add((path, device));
            return;
        }

        FileAttributeCalls.SetMode(dev, name, mode);
        if ((device.Uid ?? 0) != 0 || (device.Gid ?? 0) != 0)
            FileAttributeCalls.SetOwner(dev, name, device.Uid ?? 0, device.Gid ?? 0);
    }

    private static void EnsureFolder(FileDescriptor dev, string path)
    {
        byte[] name = Encoding.UTF8.GetBytes(path);
        if (!FileStatusCalls.TryStat(dev, name, out _))
            Paths.MakeFolder(dev, name, (uint)NodeOrFolderMode);
    }

    private static void MakeFile(FileDescriptor dev, ReadOnlySpan<byte> name) =>
        Paths.Open(dev, name, OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY, 0x180).Dispose();

    private void AddByPath(string[] path, DeviceSpec device, bool replace)
    {
        string step = Step(device);
        (uint nodeMode, ulong number) = Describe(device);
        nint name = plan.Text(path[^1]);
        PlanLabel there = plan.NewLabel(), refused = plan.NewLabel(), end = plan.NewLabel();
        resolver.Ensure(step, "/" + string.Join('/', path[..^1]), folder: true);
        resolver.RefuseProc(step);
        if (replace)
            plan.Call(step, Calls.Unlinkat, resolver.Target, name, 0).Tolerating(Errno.ENOENT);
        if (!mode.FileSystemsInChild || device.Type == "p")
        {
            // A mount that is not ours alone keeps the node that it has.
            if (!replace)
            {
                PlanLabel make = plan.NewLabel();
                plan.Call(step, Calls.Faccessat, resolver.Target, name, 0).Tolerating(Errno.ENOENT).OnError(make).OnSuccess(end);
                plan.Mark(make);
            }

            plan.Call(step, Calls.Mknodat, resolver.Target, name, (nint)nodeMode, (nint)number).Tolerating(Errno.EPERM).OnError(refused);
            plan.Call(
                step, Calls.Fchownat, resolver.Target, name, (nint)(device.Uid ?? 0), (nint)(device.Gid ?? 0), MountCalls.AT_SYMLINK_NOFOLLOW).OnSuccess(end);
        }

        plan.Mark(refused);
        plan.Call(step, Calls.Mknodat, resolver.Target, name, (nint)(FileTypes.S_IFREG | 0x1B6), 0).Tolerating(Errno.EEXIST).OnError(there);
        plan.Mark(there);
        AddBind(step, resolver.Target, path[^1], device);
        plan.Mark(end);
        resolver.CloseTarget();
    }

    // Of a place that others may write to, the device is still the one that was looked at here.
    private void AddBind(string step, PlanArgument folder, string name, DeviceSpec device)
    {
        if (!IsOnHost(device, out FileStatus status))
        {
            plan.Fail($"{step}: nodes cannot be made here, and the host's \"{device.Path}\" is not device {device.Type} {device.Major}:{device.Minor}", Errno.EPERM);
            return;
        }

        maker.AddClone(step, device.Path, recursive: false);
        maker.ExpectSame($"{step}: the host's changed meanwhile", status);
        plan.Call(step, Calls.MoveMount, maker.Mount, plan.Text(""), folder, plan.Text(name), MountCalls.MOVE_MOUNT_F_EMPTY_PATH);
        maker.Close();
    }

    private static bool IsOnHost(DeviceSpec device, out FileStatus status)
    {
        (uint mode, _) = Describe(device);
        return FileStatusCalls.TryStat(Paths.WorkingFolder, Encoding.UTF8.GetBytes(device.Path), out status)
            && status.Type == (mode & FileTypes.S_IFMT)
            && (status.Type == FileTypes.S_IFIFO || status.DeviceMajor == device.Major && status.DeviceMinor == device.Minor);
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
