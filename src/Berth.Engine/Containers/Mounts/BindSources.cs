using Berth.Model;

namespace Berth.Engine.Containers.Mounts;

/// <summary>Gets the host's side of a container's binds ready for a start.</summary>
internal static class BindSources
{
    /// <summary>Makes the folders that are missing and may be made, and settles how mounts are passed on.</summary>
    /// <returns>The binds as they are to be mounted.</returns>
    /// <exception cref="EngineException">Internal, in docker's words: a folder cannot be made, or the host's mounts do not allow the propagation that was asked for.</exception>
    public static IReadOnlyList<BindMount> Prepare(IReadOnlyList<BindMount> mounts)
    {
        MakeFolders(mounts);
        if (!mounts.Any(static mount => Exchanges(mount.Propagation)))
        {
            return mounts;
        }

        var host = HostMounts.Read();
        return [.. mounts.Select(mount => Exchanges(mount.Propagation) ? Settle(mount, host) : mount)];
    }

    /// <summary>Makes the folders that are missing and may be made.</summary>
    /// <exception cref="EngineException">Internal, in docker's words.</exception>
    public static void MakeFolders(IReadOnlyList<BindMount> mounts)
    {
        foreach (BindMount mount in mounts.Where(static mount => mount.MakesSource))
        {
            MakeFolder(mount.Source);
        }
    }

    /// <summary>What the root of the container's mounts has to be for its binds; null where it does not matter.</summary>
    public static string? RootPropagation(IReadOnlyList<BindMount> mounts) =>
        mounts.Any(static mount => mount.Propagation is "shared" or "rshared") ? "shared"
        : mounts.Any(static mount => Exchanges(mount.Propagation)) ? "rslave"
        : null;

    private static bool Exchanges(string propagation) => propagation is "shared" or "rshared" or "slave" or "rslave";

    private static BindMount Settle(BindMount mount, HostMounts host)
    {
        (string path, bool isShared, bool isSlave) = host.Find(ResolveLinks(mount.Source));
        bool wantsShared = mount.Propagation is "shared" or "rshared";
        if (isShared || (isSlave && !wantsShared))
        {
            return mount;
        }

        return mount.HasImpliedPropagation
            ? mount with { Propagation = Binds.DefaultPropagation }
            : throw new EngineException(
                ErrorKind.Internal, $"path {mount.Source} is mounted on {path} but it is not a shared {(wantsShared ? "mount" : "or slave mount")}");
    }

    private static void MakeFolder(string path)
    {
        if (Path.Exists(path))
        {
            return;
        }

        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        try
        {
            Directory.CreateDirectory(path, Mode);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new EngineException(ErrorKind.Internal, $"error while creating mount source path '{path}': {exception.Message}", exception);
        }
    }

    private static string ResolveLinks(string path)
    {
        string resolved = "/";
        foreach (string part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            string next = Path.Combine(resolved, part);
            resolved = new FileInfo(next).LinkTarget is null ? next : new FileInfo(next).ResolveLinkTarget(returnFinalTarget: true) is { } target ? ResolveLinks(target.FullName) : next;
        }

        return resolved;
    }
}
