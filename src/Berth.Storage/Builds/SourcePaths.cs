using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Builds;

/// <summary>Paths in a source with its symbolic links followed, all of them within the source: a link that leads out ends at the root.</summary>
internal static class SourcePaths
{
    private const int MaxLinks = 255;

    /// <summary>
    /// Where <paramref name="path"/> leads, without links: parts that are not there stay as they are. The last part's link is followed too if <paramref name="followsLast"/>.
    /// </summary>
    /// <exception cref="EngineException">InvalidArgument: the links lead in a circle.</exception>
    public static byte[] Resolve(ISourceTree tree, ReadOnlySpan<byte> path, bool followsLast)
    {
        Stack<byte[]> rest = new();
        Push(rest, path);
        List<byte[]> done = [];
        int links = 0;
        while (rest.TryPop(out byte[]? part))
        {
            if (part.AsSpan().SequenceEqual(".."u8))
            {
                done = done.Count > 0 ? done[..^1] : done;
                continue;
            }

            done.Add(part);
            if ((rest.Count > 0 || followsLast) && tree.Find(Join(done)) is { Type: TarEntryType.Symlink } link)
            {
                if (++links > MaxLinks)
                {
                    throw new EngineException(ErrorKind.InvalidArgument, $"{NativePath.Show(path)}: {LinuxException.Describe(Errno.ELOOP)}");
                }

                done = link.LinkTarget is [(byte)'/', ..] ? [] : done[..^1];
                Push(rest, link.LinkTarget);
            }
        }

        return Join(done);
    }

    /// <summary>Parts with slashes between them.</summary>
    public static byte[] Join(IReadOnlyList<byte[]> parts)
    {
        if (parts.Count == 0)
        {
            return [];
        }

        byte[] joined = new byte[parts.Sum(static part => part.Length + 1) - 1];
        int at = 0;
        foreach (byte[] part in parts)
        {
            if (at > 0)
            {
                joined[at++] = (byte)'/';
            }

            part.CopyTo(joined, at);
            at += part.Length;
        }

        return joined;
    }

    /// <summary>A path and a name below it.</summary>
    public static byte[] Join(ReadOnlySpan<byte> folder, ReadOnlySpan<byte> name) =>
        folder.IsEmpty ? name.ToArray() : name.IsEmpty ? folder.ToArray() : [.. folder, (byte)'/', .. name];

    // The first part on top; without empty ones and single dots.
    private static void Push(Stack<byte[]> rest, ReadOnlySpan<byte> path)
    {
        List<byte[]> parts = [];
        foreach (Range range in path.Split((byte)'/'))
        {
            ReadOnlySpan<byte> part = path[range];
            if (!part.IsEmpty && !part.SequenceEqual("."u8))
            {
                parts.Add(part.ToArray());
            }
        }

        for (int i = parts.Count - 1; i >= 0; i--)
        {
            rest.Push(parts[i]);
        }
    }
}
