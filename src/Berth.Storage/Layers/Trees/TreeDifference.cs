using Berth.Linux.Files;

namespace Berth.Storage.Layers.Trees;

/// <summary>When a file counts as changed: by type, mode, owner, device number or capabilities, or, unless it is a folder, by size or time.</summary>
internal static class TreeDifference
{
    /// <summary>Whether the files differ in what stat(2) tells.</summary>
    public static bool OfStatus(in FileStatus a, in FileStatus b) =>
        a.Mode != b.Mode || a.Uid != b.Uid || a.Gid != b.Gid || a.DeviceMajor != b.DeviceMajor || a.DeviceMinor != b.DeviceMinor
        || (!a.IsFolder && (a.Size != b.Size || a.MtimeSeconds != b.MtimeSeconds || a.MtimeNanoseconds != b.MtimeNanoseconds));

    /// <summary>Whether the files have other capabilities; all of their extended attributes are given.</summary>
    public static bool OfCapabilities(IReadOnlyList<KeyValuePair<string, byte[]>> a, IReadOnlyList<KeyValuePair<string, byte[]>> b) => !Capability(a).SequenceEqual(Capability(b));

    private static ReadOnlySpan<byte> Capability(IReadOnlyList<KeyValuePair<string, byte[]>> attributes)
    {
        foreach ((string name, byte[] value) in attributes)
        {
            if (name == "security.capability")
            {
                return value;
            }
        }

        return default;
    }
}
