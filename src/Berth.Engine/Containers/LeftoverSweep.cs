using Berth.Model;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Host;

namespace Berth.Engine.Containers;

/// <summary>
/// Removes folders, sockets and cgroups of containers that have no record: what a create, start or removal left when it was interrupted. What cannot be removed is
/// logged and left for the next time.
/// </summary>
internal static class LeftoverSweep
{
    /// <param name="services">Where to look.</param>
    /// <param name="known">The containers that have a record.</param>
    public static void Run(ContainerServices services, IReadOnlySet<ContainerId> known)
    {
        foreach (ContainerId id in services.Snapshots.ListContainers().Where(id => !known.Contains(id)))
        {
            Remove(services, $"writable layer {id}", () => services.Snapshots.Remove(id));
        }

        foreach (string bundle in Directory.EnumerateDirectories(services.Options.BundlesFolder))
        {
            if (ContainerId.TryParse(Path.GetFileName(bundle), out ContainerId id) && !known.Contains(id))
            {
                Remove(services, bundle, () =>
                {
                    ContainerCgroup.KillAndRemove(SpecBuilder.CgroupPath(id));
                    File.Delete(services.Options.ShimSocket(id));
                    Directory.Delete(bundle, recursive: true);
                });
            }
        }

        foreach (string folder in Directory.EnumerateDirectories(Path.GetDirectoryName(services.Root.ContainerFolder(ContainerId.Create()))!))
        {
            if (ContainerId.TryParse(Path.GetFileName(folder), out ContainerId id) && !known.Contains(id))
            {
                Remove(services, folder, () => Directory.Delete(folder, recursive: true));
            }
        }
    }

    private static void Remove(ContainerServices services, string what, Action remove)
    {
        try
        {
            remove();
            EngineLog.LeftoverRemoved(services.Logger, what);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or EngineException)
        {
            EngineLog.LeftoverStays(services.Logger, exception, what);
        }
    }
}
