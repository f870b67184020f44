using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;

namespace Berth.Runtime.Rootfs;

/// <summary>
/// What a container sees at a mount of type <c>cgroup</c>: its own cgroup only. v2: the file system itself in a cgroup namespace of its own, otherwise a bind
/// of its folder. v1: a tmpfs with one folder for each hierarchy, a bind of the host's.
/// </summary>
internal sealed class CgroupMounts(SyscallPlan plan, RootResolver resolver, NewFileSystem maker, ContainerCgroup? cgroup, RuntimeSpec spec, RootfsMode mode)
{
    private static SyscallNumbers Calls => SyscallNumbers.Current;

    /// <summary>Adds the steps.</summary>
    /// <exception cref="LinuxException">A folder cannot be copied.</exception>
    /// <exception cref="ArgumentException">The host has no cgroups.</exception>
    public void Add(string step, MountSpec mount, MountOptions options)
    {
        (string Name, string HostFolder)[] view = [.. cgroup?.ContainerView ?? []];
        view = [.. view, .. OwnView().Where(own => !view.Any(made => made.Name == own.Name))];
        if (view.Length == 0)
            throw new ArgumentException($"mount \"{mount.Destination}\" of type cgroup: this host has no cgroups");
        if (view is [{ Name: "" } unified])
            AddUnified(step, mount, options, unified.HostFolder);
        else
            AddHierarchies(step, mount, options, view);
    }

    private void AddUnified(string step, MountSpec mount, MountOptions options, string hostFolder)
    {
        PlanLabel made = plan.NewLabel(), refused = plan.NewLabel();
        if (spec.Linux?.Namespaces?.Any(static n => n.Type == "cgroup") == true)
            maker.Add(step, "cgroup2", mount.Source ?? "cgroup", options.SingleOptions, options.Set, made, refused);
        plan.Mark(refused);
        AddBind(step, hostFolder, options);
        plan.Mark(made);
        resolver.Ensure(step, mount.Destination, folder: true);
        resolver.RefuseProc(step);
        resolver.Attach(step, maker.Mount);
        resolver.CloseTarget();
        maker.Close();
    }

    private void AddHierarchies(string step, MountSpec mount, MountOptions options, (string Name, string HostFolder)[] view)
    {
        PlanRegister tmpfs = plan.NewRegister();
        maker.Add(step, "tmpfs", "tmpfs", ["mode=755"], options.Set & ~MountAttributes.MOUNT_ATTR_RDONLY, into: tmpfs);
        resolver.Ensure(step, mount.Destination, folder: true);
        resolver.RefuseProc(step);
        resolver.Attach(step, tmpfs);
        resolver.CloseTarget();
        foreach ((string link, string target) in cgroup?.ContainerLinks ?? [])
            plan.Call(step, Calls.Symlinkat, plan.Text(target), tmpfs, plan.Text(link));
        foreach ((string name, string hostFolder) in view)
        {
            nint path = plan.Text(name);
            plan.Call(step, Calls.Mkdirat, tmpfs, path, 0x1ED);
            AddBind(step, hostFolder, options);
            plan.Call(step, Calls.MoveMount, maker.Mount, plan.Text(""), tmpfs, path, MountCalls.MOVE_MOUNT_F_EMPTY_PATH);
            maker.Close();
        }

        maker.AddAttributes(step, tmpfs, options.Set & MountAttributes.MOUNT_ATTR_RDONLY, MountAttributes.None, MountFlags.None, recursive: false);
        plan.Call("close", Calls.Close, tmpfs);
    }

    // Leaves the copy in the maker's register.
    private void AddBind(string step, string hostFolder, MountOptions options)
    {
        if (mode.BindsInChild)
        {
            maker.AddClone(step, hostFolder, recursive: false);
            maker.AddAttributes(step, maker.Mount, options.Set, options.Clear, MountFlags.MS_PRIVATE, recursive: false);
            return;
        }

        FileDescriptor bind = MountCalls.Clone(Paths.WorkingFolder, hostFolder, recursive: false);
        plan.Own(bind);
        MountCalls.SetAttributes(bind, options.Set, options.Clear, MountFlags.MS_PRIVATE, recursive: false);
        plan.Set(maker.Mount, bind.Number);
    }

    // Where the container has no cgroup of its own, as rootless ones in v1's hierarchies, it is in its caller's.
    private static IEnumerable<(string Name, string HostFolder)> OwnView()
    {
        CgroupLayout layout = CgroupLayout.Current;
        string own = CgroupFile.Read("/proc/self/cgroup");
        return layout.Used.Select(hierarchy => (layout.IsV2 ? "" : Path.GetFileName(hierarchy.MountPoint), hierarchy.Folder(hierarchy.OwnPath(own))));
    }
}
