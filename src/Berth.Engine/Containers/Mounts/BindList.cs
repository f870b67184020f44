using Berth.Model;

namespace Berth.Engine.Containers.Mounts;

/// <summary>A container's binds for those who look at its files from outside.</summary>
internal static class BindList
{
    /// <summary>Where the host's folders and files are shown.</summary>
    public static IReadOnlyList<string> Places(ContainerHostOptions host) => [.. host.BindMounts.Select(static bind => bind.Destination)];

    /// <summary>
    /// What of the host the files of a container that does not run have in them, parents before what is in them: docker's engine shows the binds there as in one that runs, and makes
    /// the folders that a start would make. Nothing for a container without any, whose root then is cheaper to open.
    /// </summary>
    /// <exception cref="EngineException">Internal: a folder cannot be made.</exception>
    public static IReadOnlyList<Mount> Prepare(ContainerHostOptions host)
    {
        if (host.BindMounts.Count == 0)
        {
            return [];
        }

        BindSources.MakeFolders(host.BindMounts);
        return [.. host.BindMounts.Where(bind => !(host.Tmpfs?.ContainsKey(bind.Destination) ?? false)).OrderBy(static bind => MountList.Depth(bind.Destination)).Select(ToMount)];
    }

    private static Mount ToMount(BindMount bind) => new("bind", bind.Source, bind.Destination, MountList.OptionsOf(bind));
}
