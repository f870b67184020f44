using Berth.Linux;
using Berth.Linux.Files;
using Berth.Linux.Mounts;
using Berth.Linux.Namespaces;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Rootfs;

/// <summary>The mappings of id-mapped mounts of one container, each made once. Disposing closes them; the mounts keep what they need.</summary>
internal sealed class IdMaps(LinuxSpec? linux) : IDisposable
{
    private readonly Dictionary<string, FileDescriptor> made = new(StringComparer.Ordinal);

    /// <summary>Maps the ids of a detached bind as the mount asks for it, or as the container's user namespace does.</summary>
    /// <exception cref="ArgumentException">There is nothing to map by, or half of it.</exception>
    /// <exception cref="LinuxException">The file system or the caller cannot do it.</exception>
    public void Apply(FileDescriptor tree, MountSpec mount, MountOptions options)
    {
        FileDescriptor? own = null;
        FileDescriptor map;
        if (mount.UidMappings is { Count: > 0 } users && mount.GidMappings is { Count: > 0 } groups)
            map = Get(users, groups);
        else if (mount.UidMappings is { Count: > 0 } || mount.GidMappings is { Count: > 0 })
            throw new ArgumentException($"mount \"{mount.Destination}\" needs both uidMappings and gidMappings, or none of them");
        else if (linux?.Namespaces?.FirstOrDefault(static n => n.Type == "user") is not { } user)
            throw new ArgumentException($"id-mapped mount \"{mount.Destination}\" needs uidMappings and gidMappings, or a container with a user namespace");
        else if (user.Path is { Length: > 0 } path)
            map = own = Paths.Open(path, OpenFlags.O_RDONLY);
        else
            map = Get(linux.UidMappings ?? [], linux.GidMappings ?? []);
        using (own)
        {
            try
            {
                MountCalls.MapIds(tree, map, options.MapsIdsBelow);
            }
            catch (LinuxException e)
            {
                throw new LinuxException(e.Errno, $"id-mapped mount of \"{mount.Source}\" at \"{mount.Destination}\"", "not every file system can be id-mapped");
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (FileDescriptor map in made.Values)
            map.Dispose();
    }

    private FileDescriptor Get(IReadOnlyList<IdMappingSpec> users, IReadOnlyList<IdMappingSpec> groups)
    {
        string key = $"{string.Join(',', users.Select(Describe))};{string.Join(',', groups.Select(Describe))}";
        if (!made.TryGetValue(key, out FileDescriptor? map))
            made[key] = map = MappedUserNamespace.Create([.. users.Select(Range)], [.. groups.Select(Range)]);
        return map;
    }

    private static string Describe(IdMappingSpec range) => $"{range.ContainerId} {range.HostId} {range.Size}";

    private static IdRange Range(IdMappingSpec range) => new(range.ContainerId, range.HostId, range.Size);
}
