using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>
/// A container's scope: systemd makes the cgroup and leaves it to us (Delegate=yes; systemd's "Control Group APIs and Delegation"). A scope begins with a
/// process and ends without one, but the container's first process comes later: until it has joined, a process of ours that does nothing holds the scope.
/// </summary>
internal static class SystemdScope
{
    private const int SIGKILL = 9;
    private const int LeastDescriptor = 100;

    /// <summary>Starts the scope, then has <paramref name="create"/> complete the cgroup; on failure of either nothing stays.</summary>
    /// <returns>What holds the scope, to be killed when the container's process has joined.</returns>
    /// <exception cref="ArgumentException">An annotation that names a property has no value of the right form.</exception>
    /// <exception cref="SystemdException">systemd refused.</exception>
    /// <exception cref="LinuxException">systemd could not be reached, or creating failed.</exception>
    public static ConcurrentProcess Start(SystemdUnit unit, CgroupRequest request, ResourcesSpec? resources, bool isV2, Action create)
    {
        IReadOnlyList<UnitProperty> given = PropertyAnnotations.Read(request.Annotations);
        using SystemdManager manager = SystemdManager.Connect(unit.IsUser);
        ConcurrentProcess holder = StartHolder();
        bool isStarted = false;
        try
        {
            manager.StartTransientUnit(unit.Name, [
                .. ScopeProperties.Fixed(unit, request.ContainerId, (uint)holder.Pid, isV2),
                .. resources is null ? [] : Limits(manager, resources, isV2, folder: null),
                .. unit.IsUser ? [] : ScopeProperties.Devices(resources?.Devices, CgroupFile.Read("/proc/devices")),
                .. given]);
            isStarted = true;
            create();
            return holder;
        }
        catch
        {
            // First its process, which is deaf to the SIGTERM by which systemd stops scopes.
            holder.Kill();
            holder.Dispose();
            if (isStarted)
                manager.Stop(unit.Name);
            throw;
        }
    }

    /// <summary>Tells systemd of changed limits.</summary>
    /// <exception cref="SystemdException">systemd refused.</exception>
    public static void Update(SystemdUnit unit, ResourcesSpec resources, bool isV2, string? folder)
    {
        using SystemdManager manager = SystemdManager.Connect(unit.IsUser);
        IReadOnlyList<UnitProperty> properties = Limits(manager, resources, isV2, folder);
        if (properties.Count > 0)
            manager.SetProperties(unit.Name, properties);
    }

    /// <summary>Has systemd move a process into the scope, or into a cgroup below it.</summary>
    /// <exception cref="SystemdException">systemd refused.</exception>
    public static void Attach(SystemdUnit unit, int pid, string below)
    {
        using SystemdManager manager = SystemdManager.Connect(unit.IsUser);
        manager.AttachProcesses(unit.Name, below, (uint)pid);
    }

    /// <summary>Ends the scope; none is fine.</summary>
    /// <exception cref="SystemdException">systemd refused.</exception>
    public static void Stop(SystemdUnit unit)
    {
        using SystemdManager manager = SystemdManager.Connect(unit.IsUser);
        manager.Stop(unit.Name);
    }

    private static IReadOnlyList<UnitProperty> Limits(SystemdManager manager, ResourcesSpec resources, bool isV2, string? folder) => ScopeProperties.Limits(
        isV2
            ? V2.Limits.Of(resources, file => folder is null ? null : CgroupFile.TryRead($"{folder}/{file}"))
            : V1.Limits.Of(resources, isUpdate: folder is not null, static (_, _) => false),
        manager.Version());

    // It waits at a point where nobody lets it go on; the end of this process is its end.
    private static ConcurrentProcess StartHolder()
    {
        using var plan = new SyscallPlan(shared: true);
        var handshake = new PlanHandshake(plan, LeastDescriptor);
        try
        {
            plan.Call("dying with the parent", SyscallNumbers.Current.Prctl, ProcessControl.PR_SET_PDEATHSIG, SIGKILL);
            handshake.AddPoint("holding a scope", 1);
            ConcurrentProcess holder = ProcessSpawner.SpawnConcurrent(plan, handshake);
            _ = holder.WaitForPoint();
            return holder;
        }
        catch
        {
            handshake.Dispose();
            throw;
        }
    }
}
