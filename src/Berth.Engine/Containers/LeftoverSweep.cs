using Berth.Model;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Host;

namespace Berth.Engine.Containers;

/// <summary>Removes folders, sockets and cgroups of containers that have no record: what a create, start or removal left when it was interrupted.</summary>
internal static class LeftoverSweep
{
    /// <param name="services">Where to look.</param>
    /// <param name="known">The containers that have a record.</param>
    public static void Run(ContainerServices services, IReadOnlySet<ContainerId> known)
    {
        foreach (ContainerId id in services.Snapshots.ListContainers().Where(id => !known.Contains(id)))
        {
            services.Snapshots.Remove(id);
            EngineLog.LeftoverRemoved(services.Logger, $"writable layer {id}");
        }

        foreach (string bundle in Directory.EnumerateDirectories(services.Options.BundlesFolder))
        {
            if (ContainerId.TryParse(Path.GetFileName(bundle), out ContainerId id) && !known.Contains(id))
            {
                ContainerCgroup.KillAndRemove(SpecBuilder.CgroupPath(id));
                File.Delete(services.Options.ShimSocket(id));
                Directory.Delete(bundle, recursive: true);
                EngineLog.LeftoverRemoved(services.Logger, bundle);
            }
        }

        foreach (string folder in Directory.EnumerateDirectories(Path.GetDirectoryName(services.Root.ContainerFolder(ContainerId.Create()))!))
        {
            if (ContainerId.TryParse(Path.GetFileName(folder), out ContainerId id) && !known.Contains(id))
            {
                Directory.Delete(folder, recursive: true);
                EngineLog.LeftoverRemoved(services.Logger, folder);
            }
        }
    }
}
