using System.Globalization;
using Berth.Api;
using Berth.Engine.Containers;
using Berth.Storage.Files;
using Berth.Storage.Snapshots;

namespace Berth.Daemon.Mapping;

/// <summary>From files of containers to the API's records.</summary>
internal static class PathMapping
{
    public static List<ContainerChange>? ToChanges(IReadOnlyList<PathChange> changes) =>
        changes.Count == 0 ? null : [.. changes.Select(static change => new ContainerChange { Path = change.Path, Kind = (int)change.Kind })];

    public static ContainerPathStat ToStat(ContainerPath path)
    {
        PathStatus status = path.Status;
        return new ContainerPathStat
        {
            Name = status.Name,
            Size = status.Size,
            Mode = ToGoMode(status.Mode),
            Mtime = ToTime(status.MtimeSeconds, status.MtimeNanoseconds),
            LinkTarget = status.LinkTarget,
        };
    }

    /// <summary>A kernel's mode (inode(7)) as Go's os.FileMode.</summary>
    public static uint ToGoMode(uint mode)
    {
        const uint Folder = 1u << 31, Link = 1 << 27, Device = 1 << 26, Pipe = 1 << 25, Socket = 1 << 24, SetUid = 1 << 23, SetGid = 1 << 22, Character = 1 << 21, Sticky = 1 << 20;
        uint type = (mode & 0xF000) switch
        {
            0x4000 => Folder,
            0xA000 => Link,
            0x6000 => Device,
            0x2000 => Device | Character,
            0x1000 => Pipe,
            0xC000 => Socket,
            _ => 0,
        };
        return type | (mode & 0x1FF) | ((mode & 0x800) != 0 ? SetUid : 0) | ((mode & 0x400) != 0 ? SetGid : 0) | ((mode & 0x200) != 0 ? Sticky : 0);
    }

    private static string ToTime(long seconds, uint nanoseconds)
    {
        string whole = DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        string fraction = nanoseconds == 0 ? "" : "." + nanoseconds.ToString("d9", CultureInfo.InvariantCulture).TrimEnd('0');
        return whole + fraction + "Z";
    }
}
