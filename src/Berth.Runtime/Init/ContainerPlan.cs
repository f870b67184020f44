using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Processes;
using Berth.Linux.Terminal;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Host;
using Berth.Runtime.Rootfs;

namespace Berth.Runtime.Init;

/// <summary>The first half of a container's plan: cgroup, namespaces, root file system. What is made on the way goes with the plan, or with the process.</summary>
internal sealed class ContainerPlan(SyscallPlan plan, ContainerStart start, ContainerCgroup? cgroup, NamespacePlan namespaces)
{
    private readonly RuntimeSpec spec = start.Spec;

    private static SyscallNumbers Calls => SyscallNumbers.Current;

    /// <summary>Adds the steps until the process stands in its new root.</summary>
    /// <param name="root">The detached root.</param>
    /// <param name="rootPath">Where to attach it.</param>
    /// <param name="process">The process to start.</param>
    /// <returns>The terminal, where one is wanted.</returns>
    public PseudoTerminal? Add(FileDescriptor root, string rootPath, ProcessSpec process)
    {
        cgroup?.AddJoin(plan);
        ProcessPlan.AddBeginning(plan, process);
        namespaces.Add(plan);
        plan.Call("setting umask", Calls.Umask, 0);
        plan.Call("separating mounts from the host", Calls.Mount, 0, plan.Text("/"), 0, (nint)(MountFlags.MS_REC | MountFlags.MS_SLAVE), 0);
        RootfsMode mode = RootfsMode.Of(spec);
        PlanArgument mount = RootFileSystem.AddAttach(plan, root, rootPath, mode);
        var resolver = new RootResolver(plan, mount);
        var mounts = new MountPlanner(plan, resolver, cgroup, start.BundlePath, root, mode);
        mounts.AddMounts(spec, process.Terminal);
        PseudoTerminal? terminal = process.Terminal ? mounts.OpenTerminal() : null;
        try
        {
            if (terminal is not null)
                mounts.AddConsole(terminal.Index);
            AddSysctls();
            resolver.Ensure($"making the working folder \"{process.Cwd}\"", process.Cwd, folder: true);
            resolver.CloseTarget();
            PathRestrictions.AddMasks(plan, resolver, spec.Linux?.MaskedPaths ?? [], mounts.Dev);
            PathRestrictions.AddReadOnly(plan, resolver, spec.Linux?.ReadonlyPaths ?? []);
            mounts.AddEnd();
            AddPivot(mount);
            AddHostname();
            return terminal;
        }
        catch
        {
            terminal?.Dispose();
            throw;
        }
    }

    private void AddPivot(PlanArgument root)
    {
        if (spec.Root is { Readonly: true })
        {
            nint readOnly = plan.Words((ulong)MountAttributes.MOUNT_ATTR_RDONLY, 0, 0, 0);
            plan.Call("making the root file system read-only", Calls.MountSetattr, root, plan.Text(""), MountCalls.AT_EMPTY_PATH, readOnly, 32);
        }

        // Both names are ".": the old root ends up on top of the new one, from where it is taken off (pivot_root(2), NOTES).
        nint here = plan.Text(".");
        plan.Call("entering the root file system", Calls.Fchdir, root);
        plan.Call("pivot_root", Calls.PivotRoot, here, here);
        plan.Call("leaving the host's file systems", Calls.Umount2, here, MountCalls.MNT_DETACH);
        plan.Call("entering the root file system", Calls.Chdir, plan.Text("/"));
        if (spec.Linux?.RootfsPropagation is { Length: > 0 } word)
        {
            MountFlags propagation = MountOptions.ParsePropagation(word) ?? throw new ArgumentException($"unknown rootfsPropagation '{word}'");
            plan.Call($"making the root file system {word}", Calls.Mount, 0, plan.Text("/"), 0, (nint)propagation, 0);
        }
    }

    private void AddHostname()
    {
        AddUtsName("hostname", spec.Hostname, Calls.Sethostname);
        AddUtsName("domainname", spec.Domainname, Calls.Setdomainname);
    }

    private void AddUtsName(string what, string? name, int call)
    {
        if (string.IsNullOrEmpty(name))
            return;
        if (!namespaces.New.HasFlag(NamespaceFlags.CLONE_NEWUTS))
            throw new ArgumentException($"a {what} needs a new uts namespace");
        plan.Call($"setting {what} \"{name}\"", call, plan.Text(name), System.Text.Encoding.UTF8.GetByteCount(name));
    }

    // Through a proc of this process's own that is attached nowhere: what an image or another container put at /proc/sys is never written to (CVE-2025-52881).
    private void AddSysctls()
    {
        if (spec.Linux?.Sysctl is not { Count: > 0 } sysctls)
            return;
        const int FSOPEN_CLOEXEC = 1, FSCONFIG_CMD_CREATE = 6, FSMOUNT_CLOEXEC = 1;
        PlanRegister context = plan.NewRegister(), proc = plan.NewRegister(), file = plan.NewRegister();
        plan.Call("opening proc", Calls.Fsopen, plan.Text("proc"), FSOPEN_CLOEXEC).SaveTo(context);
        plan.Call("opening proc", Calls.Fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0);
        plan.Call("opening proc", Calls.Fsmount, context, FSMOUNT_CLOEXEC, 0).SaveTo(proc);
        foreach ((string key, string value) in sysctls)
        {
            string path = Sysctls.PathOf(key, namespaces.New);
            string step = $"setting sysctl {key} to \"{value}\"";
            plan.Call(step, Calls.Openat, proc, plan.Text(path), (nint)(OpenFlags.O_WRONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_CLOEXEC)).SaveTo(file);
            plan.Call(step, Calls.Write, file, plan.Text(value), System.Text.Encoding.UTF8.GetByteCount(value));
            plan.Call("close", Calls.Close, file);
        }

        plan.Call("close", Calls.Close, proc);
        plan.Call("close", Calls.Close, context);
    }
}
