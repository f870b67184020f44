using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;

namespace Berth.Storage.Builds;

/// <summary>
/// Where a path of a root file system made of layers lies in the layers' own folders, which nobody writes to. Every part is a name in a folder that is held open; no link is followed, so that nothing outside of
/// the layers is ever meant.
/// </summary>
internal static class LowerPaths
{
    private const string LowerOption = "lowerdir=";

    /// <summary>The folders that make the folder <paramref name="path"/> together, uppermost first; for a file, the one path that it has.</summary>
    /// <param name="view">The layers' mount: an overlay or a folder.</param>
    /// <param name="path">Without links and without slashes at its ends.</param>
    /// <param name="isFolder">What it is.</param>
    /// <exception cref="LinuxException">A layer cannot be read.</exception>
    public static IReadOnlyList<string> Find(Mount view, byte[] path, bool isFolder)
    {
        string suffix = path.Length == 0 ? "" : "/" + System.Text.Encoding.UTF8.GetString(path);
        if (view.Type != "overlay")
        {
            return [view.Source + suffix];
        }

        List<string> found = [];
        foreach (string layer in view.Options.Where(static option => option.StartsWith(LowerOption, StringComparison.Ordinal)).Select(static option => option[LowerOption.Length..]))
        {
            (bool isThere, bool hidesLower) = Look(layer, path, isFolder);
            if (isThere)
            {
                found.Add(layer + suffix);
            }

            if (hidesLower || isThere && !isFolder)
            {
                break;
            }
        }

        return found;
    }

    private static (bool IsThere, bool HidesLower) Look(string layer, byte[] path, bool isFolder)
    {
        bool hides = false;
        FileDescriptor at = Paths.OpenFolder(layer);
        try
        {
            ReadOnlySpan<byte> rest = path;
            while (!rest.IsEmpty)
            {
                int slash = rest.IndexOf((byte)'/');
                ReadOnlySpan<byte> part = slash < 0 ? rest : rest[..slash];
                rest = slash < 0 ? default : rest[(slash + 1)..];
                if (!FileStatusCalls.TryStat(at, part, out FileStatus status))
                {
                    return (false, hides);
                }

                if (!status.IsFolder)
                {
                    // A file ends what lies below, and so does the mark of a deleted one.
                    return (rest.IsEmpty && !isFolder && !Whiteouts.IsMark(status), true);
                }

                FileDescriptor next = Paths.Open(at, part, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW);
                at.Dispose();
                at = next;
                hides |= Whiteouts.OpacityOf(at, "."u8) == FolderOpacity.Opaque;
            }

            return (isFolder, hides);
        }
        finally
        {
            at.Dispose();
        }
    }
}
