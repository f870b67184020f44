using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// Turns the configured mounts into steps, in order. What does not depend on the new namespaces (binds, tmpfs, devpts) is made by the calling process as
/// detached mounts, which the new process only attaches; proc, sysfs and mqueue show the namespaces of whoever mounts them, so the new process does.
/// </summary>
internal sealed class MountPlanner(SyscallPlan plan, RootResolver resolver, ContainerCgroup? cgroup, string bundle)
{
    private static readonly string[] AllowedBelowProc =
    [
        "proc/cpuinfo", "proc/diskstats", "proc/meminfo", "proc/stat", "proc/swaps", "proc/uptime", "proc/loadavg", "proc/slabinfo", "proc/net/dev",
        "proc/sys/kernel/ns_last_pid", "proc/sys/crypto/fips_enabled",
    ];

    private FileDescriptor? devpts;

    /// <summary>The fresh tmpfs at /dev, filled; null when the configuration puts something else there.</summary>
    public FileDescriptor? Dev { get; private set; }

    /// <summary>Adds the steps for all mounts of <paramref name="spec"/>.</summary>
    /// <exception cref="LinuxException">A mount could not be prepared.</exception>
    /// <exception cref="ArgumentException">A mount makes no sense.</exception>
    public void AddMounts(RuntimeSpec spec, bool terminal)
    {
        foreach (MountSpec mount in spec.Mounts ?? [])
        {
            string[] destination = RootResolver.Split(mount.Destination);
            if (destination.Length == 0)
                throw new ArgumentException($"mount destination \"{mount.Destination}\" is the root itself");
            RefuseInsideProc(mount, destination);
            Add(spec, mount, destination, MountOptions.Parse(mount.Type, mount.Options ?? []), terminal);
        }
    }

    /// <summary>Opens a pseudo terminal of the container's own devpts.</summary>
    /// <exception cref="ArgumentException">The configuration has no devpts at /dev/pts.</exception>
    public PseudoTerminal OpenTerminal()
    {
        FileDescriptor instance = devpts ?? throw new ArgumentException("a terminal needs a devpts mount at /dev/pts");
        return PseudoTerminal.Open(Paths.Open(instance, "ptmx"u8, OpenFlags.O_RDWR | OpenFlags.O_NOCTTY));
    }

    /// <summary>Adds the steps that show terminal <paramref name="index"/> at /dev/console too.</summary>
    public void AddConsole(int index)
    {
        const string Step = "mounting the terminal at \"/dev/console\"";
        if (devpts is null)
            return;
        PlanRegister slave = plan.NewRegister();
        plan.Call(
            Step, SyscallNumbers.Current.OpenTree, devpts.Number, plan.Text(index.ToString()),
            MountCalls.OPEN_TREE_CLONE | MountCalls.OPEN_TREE_CLOEXEC | MountCalls.AT_SYMLINK_NOFOLLOW).SaveTo(slave);
        resolver.Ensure(Step, "/dev/console", folder: false);
        resolver.Attach(Step, slave);
        resolver.CloseTarget();
        plan.Call("close", SyscallNumbers.Current.Close, slave);
    }

    private void Add(RuntimeSpec spec, MountSpec mount, string[] destination, MountOptions options, bool terminal)
    {
        string step = $"error mounting \"{mount.Source ?? mount.Type}\" to rootfs at \"{mount.Destination}\"";
        if (options.IsBind)
            AddBind(step, mount, options);
        else if (mount.Type == "cgroup")
            AddCgroup(step, mount, options);
        else if (mount.Type is "tmpfs" or "devpts")
            AddPrepared(step, spec, mount, destination, options, terminal);
        else
            AddInChild(step, mount, options);
    }

    private void AddBind(string step, MountSpec mount, MountOptions options)
    {
        if (options.Data.Count > 0)
            throw new ArgumentException($"bind mount at \"{mount.Destination}\" has unknown options: {string.Join(',', options.Data)}");
        string source = Path.Combine(bundle, mount.Source ?? throw new ArgumentException($"bind mount at \"{mount.Destination}\" has no source"));
        FileDescriptor tree;
        try
        {
            tree = MountCalls.Clone(Paths.WorkingFolder, source, options.IsRecursive);
        }
        catch (LinuxException e)
        {
            throw new LinuxException(e.Errno, step, $"(bind source {source})");
        }

        int fd = plan.Own(tree);
        SetBindAttributes(tree, options);
        AttachPrepared(step, mount.Destination, fd, FileStatusCalls.Stat(tree).IsFolder);
    }

    private static void SetBindAttributes(FileDescriptor tree, MountOptions options)
    {
        // Without a word about it nothing that happens below the copy may reach the host, or come from it.
        MountFlags propagation = options.Propagation == MountFlags.None ? MountFlags.MS_PRIVATE : options.Propagation;
        MountCalls.SetAttributes(tree, options.SetBelow, options.ClearBelow, propagation, recursive: options.Propagation == MountFlags.None || options.PropagationBelow);
        if ((options.Set | options.Clear) != MountAttributes.None)
            MountCalls.SetAttributes(tree, options.Set, options.Clear, MountFlags.None, recursive: false);
    }

    private void AddPrepared(string step, RuntimeSpec spec, MountSpec mount, string[] destination, MountOptions options, bool terminal)
    {
        bool isDev = destination is ["dev"] && mount.Type == "tmpfs";
        FileDescriptor made = MountCalls.Create(
            mount.Type ?? "", mount.Source ?? mount.Type ?? "", options.Data.Concat(options.FileSystemFlags), options.Set);
        int fd = plan.Own(made);
        if (isDev)
        {
            DeviceTree.Fill(made, spec.Linux?.Devices ?? [], terminal);
            Dev = made;
        }

        if (destination is ["dev", "pts"] && mount.Type == "devpts")
            devpts = made;
        AttachPrepared(step, mount.Destination, fd, folder: true);
        AddPropagation(step, options, fd);
    }

    private void AddPropagation(string step, MountOptions options, PlanArgument mount)
    {
        if (options.Propagation == MountFlags.None)
            return;
        nint attributes = plan.Words((ulong)options.SetBelow, (ulong)options.ClearBelow, (ulong)options.Propagation, 0);
        plan.Call(step, SyscallNumbers.Current.MountSetattr, mount, plan.Text(""), MountCalls.AT_EMPTY_PATH, attributes, 32);
    }

    private void AddInChild(string step, MountSpec mount, MountOptions options)
    {
        string type = mount.Type ?? throw new ArgumentException($"mount at \"{mount.Destination}\" has no type");
        resolver.Ensure(step, mount.Destination, folder: true);
        resolver.Mount(step, mount.Source ?? type, type, options.Classic, string.Join(',', options.Data));
        if (options.Propagation != MountFlags.None)
        {
            resolver.CloseTarget();
            resolver.Open(step, mount.Destination, folder: true);
            AddPropagation(step, options, resolver.Target);
        }

        resolver.CloseTarget();
    }

    // The container sees its own cgroup only: a tmpfs with one folder per hierarchy, each a bind of the host's folder.
    private void AddCgroup(string step, MountSpec mount, MountOptions options)
    {
        ContainerCgroup own = cgroup ?? throw new ArgumentException($"mount \"{mount.Destination}\" of type cgroup needs a cgroupsPath");
        (string Name, string HostFolder)[] view = [.. own.ContainerView];
        if (view is [{ Name: "" } unified])
        {
            AttachPrepared(step, mount.Destination, plan.Own(BindCgroup(unified.HostFolder, options)), folder: true);
            return;
        }

        FileDescriptor tmpfs = MountCalls.Create("tmpfs", "tmpfs", ["mode=755"], options.Set & ~MountAttributes.MOUNT_ATTR_RDONLY);
        int fd = plan.Own(tmpfs);
        foreach ((string link, string target) in own.ContainerLinks)
            Paths.MakeSymlink(Encoding.UTF8.GetBytes(target), tmpfs, Encoding.UTF8.GetBytes(link));
        AttachPrepared(step, mount.Destination, fd, folder: true);
        foreach ((string name, string hostFolder) in view)
        {
            byte[] at = Encoding.UTF8.GetBytes(name);
            Paths.MakeFolder(tmpfs, at, 0x1ED);
            int folder = plan.Own(Paths.Open(tmpfs, at, OpenFlags.O_PATH));
            plan.Call(
                step, SyscallNumbers.Current.MoveMount, plan.Own(BindCgroup(hostFolder, options)), plan.Text(""), folder, plan.Text(""),
                MountCalls.MOVE_MOUNT_F_EMPTY_PATH | MountCalls.MOVE_MOUNT_T_EMPTY_PATH);
        }
    }

    private static FileDescriptor BindCgroup(string hostFolder, MountOptions options)
    {
        FileDescriptor bind = MountCalls.Clone(Paths.WorkingFolder, hostFolder, recursive: false);
        MountCalls.SetAttributes(bind, options.Set, options.Clear, MountFlags.MS_PRIVATE, recursive: false);
        return bind;
    }

    private void AttachPrepared(string step, string destination, int mount, bool folder)
    {
        resolver.Ensure(step, destination, folder);
        resolver.Attach(step, mount);
        resolver.CloseTarget();
    }

    // A volume over the container's own proc would deceive everything that trusts it, this runtime's next exec included.
    private static void RefuseInsideProc(MountSpec mount, string[] destination)
    {
        if (destination[0] != "proc" || destination.Length == 1 && mount.Type == "proc")
            return;
        if (!AllowedBelowProc.Contains(string.Join('/', destination)))
            throw new ArgumentException($"\"{mount.Destination}\" cannot be mounted because it is inside /proc");
    }
}
