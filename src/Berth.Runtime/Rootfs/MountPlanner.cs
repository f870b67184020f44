using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// Turns the configured mounts and devices into steps, in order. What does not depend on the new namespaces (binds, tmpfs, devpts) is made by the calling
/// process as detached mounts, which the new process only attaches; proc, sysfs and mqueue show the namespaces of whoever mounts them, so the new process does.
/// With a user namespace all new file systems are the new process's.
/// </summary>
internal sealed class MountPlanner
{
    private const string ConsoleStep = "mounting the terminal at \"/dev/console\"";

    private static readonly string[] AllowedBelowProc =
    [
        "proc/cpuinfo", "proc/diskstats", "proc/meminfo", "proc/stat", "proc/swaps", "proc/uptime", "proc/loadavg", "proc/slabinfo", "proc/net/dev",
        "proc/sys/kernel/ns_last_pid", "proc/sys/crypto/fips_enabled",
    ];

    private readonly SyscallPlan plan;
    private readonly RootResolver resolver;
    private readonly ContainerCgroup? cgroup;
    private readonly string bundle;
    private readonly FileDescriptor? root;
    private readonly RootfsMode mode;
    private readonly NewFileSystem maker;
    private readonly PlanRegister madeDev;
    private readonly PlanRegister madeTerminals;
    private readonly List<(string Step, PlanArgument Mount)> readOnlyLater = [];
    private readonly List<(string[] Destination, FileDescriptor? Tree)> done = [];
    private FileDescriptor? devpts;
    private bool hasTerminals;

    /// <param name="plan">Steps are added here.</param>
    /// <param name="resolver">Of the root.</param>
    /// <param name="cgroup">The container's; null: its caller's.</param>
    /// <param name="bundle">Where relative sources start.</param>
    /// <param name="root">The root, for what this process copies out of it (tmpcopyup).</param>
    /// <param name="mode">Who makes the mounts.</param>
    public MountPlanner(
        SyscallPlan plan, RootResolver resolver, ContainerCgroup? cgroup, string bundle, FileDescriptor? root = null, RootfsMode? mode = null)
    {
        this.plan = plan;
        this.resolver = resolver;
        this.cgroup = cgroup;
        this.bundle = bundle;
        this.root = root;
        this.mode = mode ?? RootfsMode.Host;
        maker = new NewFileSystem(plan);
        madeDev = plan.NewRegister();
        madeTerminals = plan.NewRegister();
    }

    private static SyscallNumbers Calls => SyscallNumbers.Current;

    /// <summary>The fresh tmpfs at /dev, filled; null when the configuration puts something else there, or the new process makes it.</summary>
    public FileDescriptor? Dev { get; private set; }

    /// <summary>Adds the steps for all mounts and devices of <paramref name="spec"/>.</summary>
    /// <exception cref="LinuxException">A mount could not be prepared.</exception>
    /// <exception cref="ArgumentException">A mount makes no sense.</exception>
    public void AddMounts(RuntimeSpec spec, bool terminal)
    {
        MountSpec[] mounts = [.. spec.Mounts ?? []];
        string[][] destinations = [.. mounts.Select(static m => RootResolver.Split(m.Destination))];
        int dev = Array.FindLastIndex(destinations, static d => d is ["dev"]);
        var devices = new DeviceTree(plan, resolver, maker, mode, spec.Linux?.Devices ?? [], terminal);
        var cgroups = new CgroupMounts(plan, resolver, maker, cgroup, spec, mode);
        using var binds = new BindMounts(plan, resolver, maker, spec, mode, bundle);
        bool isBind = false;
        for (int i = 0; i < mounts.Length; i++)
        {
            MountSpec mount = mounts[i];
            if (destinations[i].Length == 0)
                throw new ArgumentException($"mount destination \"{mount.Destination}\" is the root itself");
            if (mount.Destination.Length >= NativePath.Max)
                throw new ArgumentException($"mount destination \"{mount.Destination[..100]}...\" has {mount.Destination.Length} characters; paths have less than {NativePath.Max}");
            MountOptions options = MountOptions.Parse(mount.Type, mount.Options ?? []);
            bool mayCoverProc = MayCoverProc(mount, destinations[i], options);
            string step = $"error mounting \"{mount.Source ?? mount.Type}\" to rootfs at \"{mount.Destination}\"";
            mount = mount with { Destination = Follow(destinations[i]) };
            FileDescriptor? tree = null;
            if (options.IsRemount)
                AddRemount(step, mount, options);
            else if (options.IsBind)
                tree = binds.Add(step, mount, options, mayCoverProc, mustBeProc: mayCoverProc && destinations[i].Length == 1);
            else if (mount.Type == "cgroup")
                cgroups.Add(step, mount, options);
            else
                tree = AddFileSystem(step, spec, mount, options, i == dev && mount.Type == "tmpfs" ? devices : null, NeedsWriting(destinations, i), mayCoverProc);
            if (!options.IsRemount)
                done.Add((destinations[i], tree));
            isBind |= i == dev && options.IsBind;
        }

        // A bind is the host's folder: no node is made there, as runc has it.
        if (dev < 0 || mounts[dev].Type != "tmpfs" && !isBind)
            devices.AddToImage(replace: dev < 0);
        devices.AddOutside();
    }

    /// <summary>Whether <see cref="OpenTerminal"/> can be called; otherwise the new process opens the terminal, see <see cref="AddTerminal"/>.</summary>
    public bool CanOpenTerminal => devpts is not null;

    /// <summary>Opens a pseudo terminal of the container's own devpts.</summary>
    /// <exception cref="ArgumentException">The configuration has no devpts at /dev/pts.</exception>
    public PseudoTerminal OpenTerminal()
    {
        FileDescriptor instance = devpts ?? throw new ArgumentException("a terminal needs a devpts mount at /dev/pts");
        return PseudoTerminal.Open(Paths.Open(instance, "ptmx"u8, OpenFlags.O_RDWR | OpenFlags.O_NOCTTY));
    }

    /// <summary>Adds the steps by which the new process opens a pseudo terminal at /dev/pts, which must be a devpts, and shows it at /dev/console.</summary>
    /// <returns>Registers that hold both ends afterwards.</returns>
    public (PlanRegister Master, PlanRegister Slave) AddTerminal()
    {
        const string Step = "opening a terminal at \"/dev/pts\"";
        const nint TIOCSPTLCK = 0x40045431, TIOCGPTPEER = 0x5441;
        const nint Flags = (nint)(OpenFlags.O_RDWR | OpenFlags.O_NOCTTY | OpenFlags.O_CLOEXEC);
        PlanRegister master = plan.NewRegister(), slave = plan.NewRegister(), copy = plan.NewRegister();
        PlanArgument folder = madeTerminals;
        if (!hasTerminals)
        {
            resolver.Open(Step, "/dev/pts", folder: true);
            resolver.Require(Step + ": not a devpts", FileSystemKind.DEVPTS_SUPER_MAGIC);
            folder = resolver.Target;
        }

        plan.Call(Step, Calls.Openat, folder, plan.Text("ptmx"), Flags).SaveTo(master);
        if (!hasTerminals)
            resolver.CloseTarget();
        plan.Call(Step, Calls.Ioctl, master, TIOCSPTLCK, plan.Words(0));
        plan.Call(Step, Calls.Ioctl, master, TIOCGPTPEER, Flags).SaveTo(slave);
        plan.Call(
            ConsoleStep, Calls.OpenTree, slave, plan.Text(""),
            MountCalls.OPEN_TREE_CLONE | MountCalls.OPEN_TREE_CLOEXEC | MountCalls.AT_EMPTY_PATH).SaveTo(copy);
        AttachConsole(copy);
        return (master, slave);
    }

    /// <summary>Adds the steps that show terminal <paramref name="index"/>, opened with <see cref="OpenTerminal"/>, at /dev/console too.</summary>
    public void AddConsole(int index)
    {
        if (devpts is null)
            return;
        PlanRegister slave = plan.NewRegister();
        plan.Call(
            ConsoleStep, Calls.OpenTree, devpts.Number, plan.Text(index.ToString()),
            MountCalls.OPEN_TREE_CLONE | MountCalls.OPEN_TREE_CLOEXEC | MountCalls.AT_SYMLINK_NOFOLLOW).SaveTo(slave);
        AttachConsole(slave);
    }

    /// <summary>Adds the last steps, when nothing will be made inside mounts any more.</summary>
    public void AddEnd()
    {
        foreach ((string step, PlanArgument mount) in readOnlyLater)
            maker.AddAttributes(step, mount, MountAttributes.MOUNT_ATTR_RDONLY, MountAttributes.None, MountFlags.None, recursive: false);
    }

    private void AttachConsole(PlanRegister tree)
    {
        resolver.Ensure(ConsoleStep, "/dev/console", folder: false);
        resolver.Attach(ConsoleStep, tree);
        resolver.CloseTarget();
        plan.Call("close", Calls.Close, tree);
    }

    // Whether something will still be made in a file system: then it becomes read-only later.
    private static bool NeedsWriting(string[][] destinations, int index) =>
        destinations[index] is ["dev", ..] || destinations.Skip(index + 1).Any(d => d.AsSpan().StartsWith(destinations[index]));

    private FileDescriptor? AddFileSystem(
        string step, RuntimeSpec spec, MountSpec mount, MountOptions options, DeviceTree? devices, bool needsWriting, bool mayCoverProc)
    {
        string type = Validate(mount, options);
        if (options.NeedsClassicMount)
        {
            AddClassic(step, mount, type, options);
            return null;
        }

        string source = mount.Source ?? type;
        string[] destination = RootResolver.Split(mount.Destination);
        IEnumerable<string> data = options.SingleOptions;
        if (type is "tmpfs" or "devpts" or "mqueue" && MountLabel.Option(spec.Linux?.MountLabel) is { } label)
            data = data.Append(label);
        if (type == "tmpfs" && !Names(data, "mode"))
            data = data.Concat(ModeOfCovered(destination));
        bool readOnlyLast = type == "tmpfs" && options.Set.HasFlag(MountAttributes.MOUNT_ATTR_RDONLY) && (needsWriting || options.CopiesUp);
        MountAttributes attributes = readOnlyLast ? options.Set & ~MountAttributes.MOUNT_ATTR_RDONLY : options.Set;
        FileDescriptor? made = null;
        PlanRegister register = maker.Mount;
        if (type is "tmpfs" or "devpts" && !mode.FileSystemsInChild || options.CopiesUp)
        {
            made = Prepare(type, source, data, attributes, destination, options, devices);
        }
        else
        {
            register = RegisterFor(type, destination, devices is not null, readOnlyLast);
            AddMake(step, type, source, data, attributes, register);
        }

        PlanArgument fd = made is null ? register : made.Number;
        AddAttach(step, mount, type, fd, mayCoverProc);
        maker.AddAttributes(step, fd, options.SetBelow, options.ClearBelow, options.Propagation, recursive: false);
        if (devices is not null && made is null)
            devices.AddFill(fd);
        else if (made is not null)
            devices?.AddRest(made);
        if (readOnlyLast)
            readOnlyLater.Add((step, fd));
        if (made is null && register == maker.Mount)
            maker.Close();
        return made;
    }

    private string Validate(MountSpec mount, MountOptions options)
    {
        string type = mount.Type ?? throw new ArgumentException($"mount at \"{mount.Destination}\" has no type");
        if (options.MapsIds || mount.UidMappings is { Count: > 0 } || mount.GidMappings is { Count: > 0 })
            throw new ArgumentException($"mount at \"{mount.Destination}\" of type {type} cannot be id-mapped; binds can");
        if (options.CopiesUp && type != "tmpfs")
            throw new ArgumentException($"mount at \"{mount.Destination}\": tmpcopyup is for tmpfs, not for {type}");
        return options.CopiesUp && mode.BindsInChild
            ? throw new ArgumentException($"mount at \"{mount.Destination}\": tmpcopyup needs a privileged caller")
            : type;
    }

    private void AddAttach(string step, MountSpec mount, string type, PlanArgument fd, bool mayCoverProc)
    {
        if (type is "proc" or "sysfs")
            resolver.EnsureWithoutLinks($"{step}: a {type} must be mounted on an ordinary folder", mount.Destination);
        else
            resolver.Ensure(step, mount.Destination, folder: true);
        if (!mayCoverProc)
            resolver.RefuseProc(step);
        resolver.Attach(step, fd);
        resolver.CloseTarget();
    }

    // What later steps need has a register of its own.
    private PlanRegister RegisterFor(string type, string[] destination, bool isDev, bool isNeeded)
    {
        bool isTerminals = type == "devpts" && destination is ["dev", "pts"];
        hasTerminals |= isTerminals;
        return isTerminals ? madeTerminals : isDev ? madeDev : isNeeded ? plan.NewRegister() : maker.Mount;
    }

    private FileDescriptor Prepare(
        string type, string source, IEnumerable<string> data, MountAttributes attributes, string[] destination, MountOptions options, DeviceTree? devices)
    {
        FileDescriptor made = MountCalls.Create(type, source, data, attributes);
        plan.Own(made);
        if (options.CopiesUp && OpenCovered(destination) is { } covered)
        {
            using (covered)
                FolderCopy.Copy(covered, made, withOwner: !Names(data, "uid") && !Names(data, "gid"), withMode: !Names(data, "mode"));
        }

        if (devices is not null)
        {
            devices.Fill(made);
            Dev = made;
        }

        if (type == "devpts" && destination is ["dev", "pts"])
            devpts = made;
        return made;
    }

    // sysfs needs rights on the network namespace, proc on the pid namespace and a host's proc that is visible as a whole; a copy of the host's shows no more
    // than the process could see before.
    private void AddMake(string step, string type, string source, IEnumerable<string> data, MountAttributes attributes, PlanRegister into)
    {
        if (type is not ("sysfs" or "proc") || !mode.FileSystemsInChild)
        {
            maker.Add(step, type, source, data, attributes, into: into);
            return;
        }

        PlanLabel made = plan.NewLabel(), refused = plan.NewLabel();
        maker.Add(step, type, source, data, attributes, made, refused);
        plan.Mark(refused);
        maker.AddClone(step, type == "sysfs" ? "/sys" : "/proc", recursive: true);
        maker.AddAttributes(step, maker.Mount, attributes & ~MountAttributes.MOUNT_ATTR__ATIME, MountAttributes.None, MountFlags.MS_SLAVE, recursive: true);
        plan.Mark(made);
    }

    private void AddClassic(string step, MountSpec mount, string type, MountOptions options)
    {
        resolver.Ensure(step, mount.Destination, folder: true);
        resolver.RefuseProc(step);
        resolver.Mount($"{step}: file system \"{type}\"", mount.Source ?? type, type, options.Classic, string.Join(',', options.Data));
        resolver.CloseTarget();
        if (options.Propagation == MountFlags.None && (options.SetBelow | options.ClearBelow) == MountAttributes.None)
            return;
        resolver.Open(step, mount.Destination, folder: true);
        maker.AddAttributes(step, resolver.Target, options.SetBelow, options.ClearBelow, options.Propagation, recursive: false);
        resolver.CloseTarget();
    }

    // Only what is named changes. With "bind" it is the mount's own settings, without, those of the file system, too.
    private void AddRemount(string step, MountSpec mount, MountOptions options)
    {
        resolver.Open(step, mount.Destination, folder: false);
        if (options.IsBind)
        {
            maker.AddAttributes(step, resolver.Target, options.SetBelow, options.ClearBelow, MountFlags.None, recursive: true);
            maker.AddAttributes(step, resolver.Target, options.Set, options.Clear, options.Propagation, recursive: false);
        }
        else
        {
            resolver.Mount(step, mount.Source ?? "none", type: null, options.Classic | MountFlags.MS_REMOUNT, string.Join(',', options.Data));
        }

        resolver.CloseTarget();
    }

    // The folder that a mount will cover, from the mount that covers the place now, as far as this process has it, or from the root.
    private FileDescriptor? OpenCovered(string[] destination)
    {
        (string[] above, FileDescriptor? tree) = done.LastOrDefault(d => destination.AsSpan().StartsWith(d.Destination), ([], root));
        if (tree is null)
            return null; // a file system of the new process's own: new, so there is nothing in it
        string path = above.Length == destination.Length ? "." : string.Join('/', destination[above.Length..]);
        try
        {
            return Paths.Open(
                tree, System.Text.Encoding.UTF8.GetBytes(path), OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY,
                resolve: ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.EACCES)
        {
            return null;
        }
    }

    // As runc does: a tmpfs over a folder of the image has that folder's mode, unless it is told another.
    private IEnumerable<string> ModeOfCovered(string[] destination)
    {
        using FileDescriptor? covered = OpenCovered(destination);
        return covered is null ? [] : ["mode=" + Convert.ToString(FileStatusCalls.Stat(covered).Mode & 0xFFF, 8)];
    }

    // What is on earlier mounts is no image's: no link leads away from there.
    private string Follow(string[] destination) =>
        root is null || done.Any(d => destination.AsSpan().StartsWith(d.Destination)) ? string.Join('/', destination) : ImageLinks.Follow(root, destination);

    private static bool Names(IEnumerable<string> data, string key) => data.Any(word => word.StartsWith(key + "=", StringComparison.Ordinal));

    // A volume over the container's own proc would deceive everything that trusts it, this runtime's next exec included. The host's proc itself is none.
    private bool MayCoverProc(MountSpec mount, string[] destination, MountOptions options)
    {
        if (destination[0] != "proc")
            return false;
        if (destination.Length == 1 && (options.IsRemount || mount.Type == "proc"))
            return true;
        if (destination.Length == 1 && options.IsBind && mount.Source is { Length: > 0 } source && Path.Exists(Path.Combine(bundle, source)))
        {
            // Whether it still is when it is bound, BindMounts sees to.
            using FileDescriptor proc = Paths.Open(Path.Combine(bundle, source), OpenFlags.O_PATH);
            if (BindMounts.IsProc(proc))
                return true;
        }

        return options.IsRemount || AllowedBelowProc.Contains(string.Join('/', destination))
            ? true
            : throw new ArgumentException($"\"{mount.Destination}\" cannot be mounted because it is inside /proc");
    }
}
