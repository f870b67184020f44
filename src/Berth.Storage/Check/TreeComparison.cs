using Berth.Linux;
using Berth.Linux.Files;

namespace Berth.Storage.Check;

/// <summary>Compares two folders that should be the same but for times: one just made from the archives, one that lies in the store.</summary>
internal sealed class TreeComparison(FileDescriptor wanted, FileDescriptor actual, DifferenceList differences)
{
    private const int BufferSize = 128 << 10;
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV;
    private readonly AttributeReader attributes = new();
    private readonly Stack<byte[]> rest = new();
    private readonly byte[] first = new byte[BufferSize];
    private readonly byte[] second = new byte[BufferSize];

    private static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW;

    public void Run(CancellationToken cancellationToken)
    {
        rest.Push([]);
        while (rest.TryPop(out byte[]? path))
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<byte> name = path.Length == 0 ? "."u8 : path;
            using FileDescriptor left = Paths.Open(wanted, name, FolderFlags, 0, Confined);
            using FileDescriptor right = Paths.Open(actual, name, FolderFlags, 0, Confined);
            Compare(path, left, right);
        }
    }

    private static HashSet<string> NamesOf(FileDescriptor folder)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        for (IReadOnlyList<FolderEntry> some = FolderReader.ReadSome(folder); some.Count > 0; some = FolderReader.ReadSome(folder))
        {
            names.UnionWith(some.Select(static entry => System.Text.Encoding.Latin1.GetString(entry.Name)));
        }

        return names;
    }

    private void Compare(byte[] path, FileDescriptor left, FileDescriptor right)
    {
        HashSet<string> present = NamesOf(right);
        foreach (string text in NamesOf(left))
        {
            byte[] name = System.Text.Encoding.Latin1.GetBytes(text);
            byte[] below = path.Length == 0 ? name : [.. path, (byte)'/', .. name];
            if (!present.Remove(text))
            {
                differences.Set(below, "is missing");
                continue;
            }

            FileStatus a = FileStatusCalls.Stat(left, name);
            FileStatus b = FileStatusCalls.Stat(right, name);
            if (Difference(left, right, name, a, b) is { } what)
            {
                differences.Set(below, what);
            }
            else if (a.IsFolder)
            {
                rest.Push(below);
            }
        }

        foreach (string extra in present)
        {
            byte[] name = System.Text.Encoding.Latin1.GetBytes(extra);
            differences.Set(path.Length == 0 ? name : [.. path, (byte)'/', .. name], "is in no archive of the image");
        }
    }

    private string? Difference(FileDescriptor left, FileDescriptor right, byte[] name, in FileStatus a, in FileStatus b) =>
        a.Type != b.Type ? "is of another type"
        : a.Mode != b.Mode ? $"has the permissions {Convert.ToString(b.Mode & 0xFFF, 8)} instead of {Convert.ToString(a.Mode & 0xFFF, 8)}"
        : a.Uid != b.Uid || a.Gid != b.Gid ? $"belongs to {b.Uid}:{b.Gid} instead of {a.Uid}:{a.Gid}"
        : a.DeviceMajor != b.DeviceMajor || a.DeviceMinor != b.DeviceMinor ? "is another device"
        : !a.IsFolder && a.Size != b.Size ? $"has {b.Size} bytes instead of {a.Size}"
        : a.Type == FileTypes.S_IFLNK && !Paths.ReadLink(left, name).AsSpan().SequenceEqual(Paths.ReadLink(right, name)) ? "leads elsewhere"
        : !SameAttributes(attributes.Read(left, name), attributes.Read(right, name)) ? "has other attributes"
        : a.Type == FileTypes.S_IFREG && !SameContent(left, right, name, first, second) ? "has other content"
        : null;

    /// <summary>Whether the attributes are the same, but for those that belong to the host or to overlay.</summary>
    internal static bool SameAttributes(IReadOnlyList<KeyValuePair<string, byte[]>> a, IReadOnlyList<KeyValuePair<string, byte[]>> b)
    {
        List<KeyValuePair<string, byte[]>> left = [.. a.Where(static attribute => !LayerVerifier.IsHosts(attribute.Key)).OrderBy(static attribute => attribute.Key, StringComparer.Ordinal)];
        List<KeyValuePair<string, byte[]>> right = [.. b.Where(static attribute => !LayerVerifier.IsHosts(attribute.Key)).OrderBy(static attribute => attribute.Key, StringComparer.Ordinal)];
        return left.Count == right.Count && left.Zip(right).All(static pair => pair.First.Key == pair.Second.Key && pair.First.Value.AsSpan().SequenceEqual(pair.Second.Value));
    }

    /// <summary>Whether two regular files of the same name have the same content; the buffers are of the same length.</summary>
    internal static bool SameContent(FileDescriptor left, FileDescriptor right, byte[] name, byte[] first, byte[] second)
    {
        using FileDescriptor a = Paths.Open(left, name, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK);
        using FileDescriptor b = Paths.Open(right, name, OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK);
        for (long at = 0; ;)
        {
            int count = FileData.ReadAt(a, first, at);
            int other = 0;
            while (other < count && FileData.ReadAt(b, second.AsSpan(other, count - other), at + other) is > 0 and int more)
            {
                other += more;
            }

            if (count == 0 || other < count || !first.AsSpan(0, count).SequenceEqual(second.AsSpan(0, count)))
            {
                return count == 0;
            }

            at += count;
        }
    }
}
