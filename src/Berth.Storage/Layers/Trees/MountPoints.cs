using System.Text;
using Berth.Linux.Files;

namespace Berth.Storage.Layers.Trees;

/// <summary>
/// What starting a container leaves in its writable layer where the image has nothing to mount on: empty files and folders. They are no changes of the container's own, and belong
/// into no image. Nothing of it is deleted: it is left out.
/// </summary>
internal sealed class MountPoints
{
    private readonly HashSet<string> made = new(StringComparer.Ordinal);
    private readonly HashSet<string> holders = new(StringComparer.Ordinal) { "etc" };

    private MountPoints()
    {
    }

    /// <summary>Those of every container.</summary>
    public static MountPoints Usual { get; } = new();

    /// <summary>Those, and what mounts at further places need.</summary>
    /// <param name="places">Where they are, without links and without slashes at their ends.</param>
    /// <param name="exists">Whether the image has a path.</param>
    public static MountPoints With(IEnumerable<byte[]> places, Func<byte[], bool> exists)
    {
        MountPoints result = new();
        foreach (byte[] place in places)
        {
            byte[] path = place;
            while (path.Length > 0 && !exists(path))
            {
                result.made.Add(Key(path));
                path = LayerPath.Parent(path).ToArray();
            }

            if (path.Length > 0 && path.Length < place.Length)
            {
                result.holders.Add(Key(path));
            }
        }

        return result;
    }

    /// <summary>Whether a path that the image does not have is, as far as it goes, such a file or folder. A folder is one only while it holds nothing else.</summary>
    public bool Includes(ReadOnlySpan<byte> path, in FileStatus status) => status.Type switch
    {
        FileTypes.S_IFREG => status.Size == 0 && (path.SequenceEqual("etc/hostname"u8) || path.SequenceEqual("etc/hosts"u8) || path.SequenceEqual("etc/resolv.conf"u8) || IsMade(path)),
        FileTypes.S_IFDIR => IsHolder(path) || path.SequenceEqual("proc"u8) || path.SequenceEqual("sys"u8) || path.SequenceEqual("dev"u8) || IsMade(path),
        _ => false,
    };

    /// <summary>Whether the folder is copied up for the sake of such files.</summary>
    public bool IsHolder(ReadOnlySpan<byte> path) => path.SequenceEqual("etc"u8) || holders.Count > 1 && holders.Contains(Key(path));

    private static string Key(ReadOnlySpan<byte> path) => Encoding.Latin1.GetString(path);

    private bool IsMade(ReadOnlySpan<byte> path) => made.Count > 0 && made.Contains(Key(path));
}
