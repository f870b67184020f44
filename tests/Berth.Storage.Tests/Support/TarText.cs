using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Tests.Support;

/// <summary>Archives as text to compare.</summary>
internal static class TarText
{
    /// <summary>The names in order.</summary>
    public static string[] Names(byte[] archive) => [.. Read(archive).Select(entry => Encoding.UTF8.GetString(entry.Entry.Name))];

    /// <summary>One line for each entry, with everything about it but the order of its attributes.</summary>
    public static string[] Describe(byte[] archive) =>
    [
        .. Read(archive).Select(item =>
        {
            TarEntry e = item.Entry;
            string xattrs = string.Concat(e.Xattrs.OrderBy(x => x.Key).Select(x => $" {x.Key}={Convert.ToHexStringLower(x.Value)}"));
            string device = e.Type is TarEntryType.CharacterDevice or TarEntryType.BlockDevice ? $" {e.DeviceMajor},{e.DeviceMinor}" : "";
            string link = e.LinkTarget.Length > 0 ? " -> " + Encoding.UTF8.GetString(e.LinkTarget) : "";
            string hard = item.Sum != 0 ? " hard=" : "";
            return $"{Encoding.UTF8.GetString(e.Name)} {Type(e.Type)} {e.Mode:x} {e.Uid}:{e.Gid} {e.MtimeSeconds}.{e.MtimeNanoseconds:d9} {e.Size}{link}{xattrs}{device}" + (Encoding.UTF8.GetString(e.Name) == "etc/new" ? hard : $" {item.Sum:x}");
        }),
    ];

    /// <summary>The disk space of a file.</summary>
    public static long AllocatedBytes(string folder, string name)
    {
        using FileDescriptor opened = Paths.OpenFolder(folder);
        Assert.True(FileDetailsCalls.TryGet(opened, Encoding.UTF8.GetBytes(name), out FileDetails details));
        return details.AllocatedBytes;
    }

    private static int Type(TarEntryType type) => type switch
    {
        TarEntryType.HardLink => 1,
        TarEntryType.Symlink => 2,
        TarEntryType.CharacterDevice => 3,
        TarEntryType.BlockDevice => 4,
        TarEntryType.Folder => 5,
        TarEntryType.Fifo => 6,
        _ => 0,
    };

    private static List<(TarEntry Entry, long Sum)> Read(byte[] archive)
    {
        List<(TarEntry, long)> entries = [];
        TarReader reader = new(new MemoryStream(archive), new TarLimits());
        byte[] buffer = new byte[65536];
        while (reader.Next() is { } entry)
        {
            long sum = 0;
            int count;
            while ((count = reader.Read(buffer)) > 0)
            {
                foreach (byte b in buffer.AsSpan(0, count))
                {
                    sum = unchecked((sum * 31) + b);
                }
            }

            entries.Add((entry, sum));
        }

        return entries;
    }
}
