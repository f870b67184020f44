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

/// <summary>Both ends of a container's terminal: opened by the parent, or by the new process into registers.</summary>
internal sealed record TerminalEnds(PseudoTerminal? Opened, PlanRegister Master, PlanRegister Slave);

/// <summary>The first half of a container's plan: cgroup, namespaces, root file system. What is made on the way goes with the plan, or with the process.</summary>
internal sealed class ContainerPlan(SyscallPlan plan, ContainerStart start, ContainerCgroup? cgroup, NamespacePlan namespaces)
{
    private readonly RuntimeSpec spec = start.Spec;

    private static SyscallNumbers Calls => SyscallNumbers.Current;

    /// <summary>Where to meet the parent; null: nowhere.</summary>
    public PlanHandshake? Handshake { get; init; }

    /// <summary>Who makes the mounts.</summary>
    public required RootfsMode Mode { get; init; }

    /// <summary>Whether hooks run before the root is entered.</summary>
    public bool HasRootHooks { get; init; }

    /// <summary>As <see cref="CreateOptions.NoPivot"/>.</summary>
    public bool NoPivot { get; init; }

    /// <summary>With <see cref="NamespacePlan.NeedsTwoProcesses"/>: where the id of the second is.</summary>
    public PlanRegister? Forked { get; private set; }

    /// <summary>Adds the steps until the process stands in its new root.</summary>
    /// <param name="root">What <see cref="RootFileSystem.Open"/> gave.</param>
    /// <param name="rootPath">Where to attach it.</param>
    /// <param name="process">The process to start.</param>
    /// <returns>The terminal, where one is wanted.</returns>
    public TerminalEnds? Add(FileDescriptor root, string rootPath, ProcessSpec process)
    {
        cgroup?.AddJoin(plan);
        if (namespaces.NeedsTwoProcesses)
            Forked = namespaces.AddFirstProcess(plan);

        // In a user namespace of its own the process may not lower its score: the parent does.
        ProcessPlan.AddBeginning(plan, namespaces.HasUser ? process with { OomScoreAdj = null } : process);
        namespaces.AddBeforeParent(plan);
        if (namespaces.HasUser || namespaces.MakesTime)
            Handshake?.AddPoint("waiting for the namespaces' settings", StartPoints.Namespaces);
        namespaces.AddAfterParent(plan, forbidInspection: !Mode.BindsInChild);
        plan.Call("setting umask", Calls.Umask, 0);
        PlanArgument mount = AddAttachRoot(root, rootPath);
        var resolver = new RootResolver(plan, mount);
        var mounts = new MountPlanner(plan, resolver, cgroup, start.BundlePath, root, Mode);
        mounts.AddMounts(spec, process.Terminal);
        TerminalEnds? terminal = AddTerminal(process, mounts);
        try
        {
            AddSysctls();
            resolver.Ensure($"making the working folder \"{process.Cwd}\"", process.Cwd, folder: true);
            resolver.CloseTarget();
            PathRestrictions.AddMasks(plan, resolver, spec.Linux?.MaskedPaths ?? [], mounts.Dev);
            PathRestrictions.AddReadOnly(plan, resolver, spec.Linux?.ReadonlyPaths ?? []);
            mounts.AddEnd();
            if (HasRootHooks)
                Handshake?.AddPoint("waiting for hooks", StartPoints.Root);
            AddEnterRoot(mount, rootPath);
            AddHostname();
            return terminal;
        }
        catch
        {
            terminal?.Opened?.Dispose();
            throw;
        }
    }

    private TerminalEnds? AddTerminal(ProcessSpec process, MountPlanner mounts)
    {
        if (!process.Terminal)
            return null;
        if (mounts.CanOpenTerminal)
        {
            PseudoTerminal opened = mounts.OpenTerminal();
            mounts.AddConsole(opened.Index);
            return new TerminalEnds(opened, default, default);
        }

        if (Handshake is null)
            throw new ArgumentException("a terminal needs a devpts mount at /dev/pts");
        (PlanRegister master, PlanRegister slave) = mounts.AddTerminal();
        Handshake.AddPoint("handing over the terminal", StartPoints.Terminal);
        plan.Call("close", Calls.Close, master);
        return new TerminalEnds(null, master, slave);
    }

    private PlanArgument AddAttachRoot(FileDescriptor root, string rootPath)
    {
        // In a mount namespace that others are in, nothing but the container's own mounts is changed.
        if (!namespaces.JoinsMounts)
            plan.Call("separating mounts from the host", Calls.Mount, 0, plan.Text("/"), 0, (nint)(MountFlags.MS_REC | MountFlags.MS_SLAVE), 0);
        return RootFileSystem.AddAttach(plan, root, rootPath, Mode);
    }

    private void AddEnterRoot(PlanArgument root, string rootPath)
    {
        if (spec.Root is { Readonly: true })
        {
            nint readOnly = plan.Words((ulong)MountAttributes.MOUNT_ATTR_RDONLY, 0, 0, 0);
            plan.Call("making the root file system read-only", Calls.MountSetattr, root, plan.Text(""), MountCalls.AT_EMPTY_PATH, readOnly, 32);
        }

        nint here = plan.Text(".");
        plan.Call("entering the root file system", Calls.Fchdir, root);
        if (namespaces.JoinsMounts)
        {
            // pivot_root(2) would move everyone who is in this namespace.
            plan.Call("entering the root file system", Calls.Chroot, here);
        }
        else if (NoPivot)
        {
            AddHideKernelViews(rootPath);
            plan.Call("entering the root file system", Calls.Fchdir, root);
            plan.Call("moving the root file system to /", Calls.Mount, here, plan.Text("/"), 0, (nint)MountFlags.MS_MOVE, 0);
            plan.Call("entering the root file system", Calls.Chroot, here);
        }
        else
        {
            // Both names are ".": the old root ends up on top of the new one, from where it is taken off (pivot_root(2), NOTES).
            plan.Call("pivot_root", Calls.PivotRoot, here, here);
            plan.Call("leaving the host's file systems", Calls.Umount2, here, MountCalls.MNT_DETACH);
        }

        plan.Call("entering the root file system", Calls.Chdir, plan.Text("/"));
        if (spec.Linux?.RootfsPropagation is { Length: > 0 } word)
        {
            MountFlags propagation = MountOptions.ParsePropagation(word) ?? throw new ArgumentException($"unknown rootfsPropagation '{word}'");
            plan.Call($"making the root file system {word}", Calls.Mount, 0, plan.Text("/"), 0, (nint)propagation, 0);
        }
    }

    // The old root stays below the new one. Where the kernel asks whether a whole proc or sysfs is in sight before it allows another, the host's must not count.
    private void AddHideKernelViews(string rootPath)
    {
        foreach (string line in Enumerable.Reverse(Cgroups.CgroupFile.Read("/proc/self/mountinfo").Split('\n', StringSplitOptions.RemoveEmptyEntries)))
        {
            string[] fields = line.Split(' ');
            int separator = Array.IndexOf(fields, "-");
            if (separator < 0 || fields[separator + 1] is not ("proc" or "sysfs") || fields[3] != "/" || fields[4].StartsWith(rootPath + "/", StringComparison.Ordinal))
                continue;
            string step = $"hiding {fields[4]}";
            PlanLabel done = plan.NewLabel();
            nint path = plan.Text(fields[4]);
            plan.Call(step, Calls.Umount2, path, MountCalls.MNT_DETACH).ToleratingAll().OnSuccess(done);
            plan.Call(step, Calls.Mount, plan.Text("tmpfs"), path, plan.Text("tmpfs"), (nint)MountFlags.MS_RDONLY, 0).Tolerating(Errno.ENOENT);
            plan.Mark(done);
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
        if (!namespaces.Own.HasFlag(NamespaceFlags.CLONE_NEWUTS))
            throw new ArgumentException($"a {what} needs a uts namespace other than the caller's");
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
            string path = Sysctls.PathOf(key, namespaces.Own);
            string step = $"setting sysctl {key} to \"{value}\"";
            plan.Call(step, Calls.Openat, proc, plan.Text(path), (nint)(OpenFlags.O_WRONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_CLOEXEC)).SaveTo(file);
            plan.Call(step, Calls.Write, file, plan.Text(value), System.Text.Encoding.UTF8.GetByteCount(value));
            plan.Call("close", Calls.Close, file);
        }

        plan.Call("close", Calls.Close, proc);
        plan.Call("close", Calls.Close, context);
    }
}
