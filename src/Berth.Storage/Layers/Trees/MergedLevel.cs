using System.Runtime.InteropServices;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Layers.Trees;

/// <summary>A name in a folder of several layers, and the first of them that has it.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct MergedName(byte[] Name, int Index);

/// <summary>
/// One folder as it lies in several layers, uppermost first, each pinned by a descriptor. Nothing is ever followed: names are looked up as single
/// parts below those descriptors, so that whatever a running container renames or links meanwhile, only files of its own layers are seen.
/// For one thread.
/// </summary>
internal sealed class MergedLevel : IDisposable
{
    private const ResolveFlags Confined = ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV;
    private readonly IReadOnlyList<FileDescriptor> roots;
    private readonly List<Part> parts;
    private readonly bool hasMarks;
    private readonly MountEntry? mounts;

    private MergedLevel(IReadOnlyList<FileDescriptor> roots, byte[] path, List<Part> parts, bool hasMarks, MountEntry? mounts)
    {
        this.roots = roots;
        this.hasMarks = hasMarks;
        this.mounts = mounts;
        Path = path;
        this.parts = parts;
    }

    /// <summary>The path from the root, without a slash at either end; empty for the root.</summary>
    public byte[] Path { get; }

    /// <summary>How many layers have the folder.</summary>
    public int Count => parts.Count;

    private static ulong FolderFlags => OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY | OpenFlags.O_NOFOLLOW;

    /// <summary>The root of all layers, which stay the caller's. Without marks, no file is asked for overlay's attributes.</summary>
    /// <param name="roots">The layers, uppermost first.</param>
    /// <param name="hasMarks">Whether files may be overlay's marks.</param>
    /// <param name="mounts">Which mounts are entered; null for none.</param>
    public static MergedLevel Root(IReadOnlyList<FileDescriptor> roots, bool hasMarks = true, MountEntry? mounts = null)
    {
        List<Part> all = [];
        for (int i = 0; i < roots.Count; i++)
        {
            FileDescriptor folder = Paths.Open(roots[i], "."u8, FolderFlags);
            all.Add(new Part { Layer = i, Folder = folder, Opacity = OpacityOf(folder, hasMarks) });
        }

        return new MergedLevel(roots, [], all, hasMarks, mounts);
    }

    /// <summary>The folder's descriptor in its n-th layer, or null when it is gone there meanwhile.</summary>
    public FileDescriptor? this[int index] => parts[index].Folder;

    /// <summary>Which of the roots the folder's n-th layer is.</summary>
    public int LayerOf(int index) => parts[index].Layer;

    /// <summary>Names that the first layer has, or (<paramref name="all"/>) that any has, by bytes in ascending order; deleted ones are among them.</summary>
    public IReadOnlyList<MergedName> ReadNames(bool all)
    {
        List<MergedName> names = [];
        HashSet<string>? seen = all && parts.Count > 1 ? new HashSet<string>(StringComparer.Ordinal) : null;
        for (int i = 0; i < (all ? parts.Count : Math.Min(1, parts.Count)); i++)
        {
            if (parts[i].Folder is { } folder)
            {
                Read(folder, i, seen, names);
            }
        }

        names.Sort(static (a, b) => a.Name.AsSpan().SequenceCompareTo(b.Name));
        return names;
    }

    /// <summary>The details of <paramref name="name"/> in the n-th layer; false when it is not there.</summary>
    public bool TryGet(int index, ReadOnlySpan<byte> name, out FileDetails details)
    {
        details = default;
        return parts[index].Folder is { } folder && FileDetailsCalls.TryGet(folder, name, out details);
    }

    /// <summary>Whether what the n-th layer has under the name stands for its deletion.</summary>
    public bool IsMark(int index, ReadOnlySpan<byte> name, in FileDetails details) =>
        Whiteouts.IsMark(details.Status)
        || (parts[index].Opacity == FolderOpacity.HoldsMarks && details.Status is { Type: FileTypes.S_IFREG, Size: 0 } && parts[index].Folder is { } folder && Whiteouts.HasMarkAttribute(folder, name));

    /// <summary>What is visible under the name from the n-th layer on downwards; false when nothing is.</summary>
    public bool TryFind(int from, ReadOnlySpan<byte> name, out int index, out FileDetails details)
    {
        details = default;
        for (index = from; index < parts.Count; index++)
        {
            if (TryGet(index, name, out details))
            {
                return !IsMark(index, name, details);
            }
        }

        return false;
    }

    /// <summary>
    /// The folder <paramref name="name"/> below, from the n-th layer on: all layers that have one there until one that hides the rest. Null when it is
    /// not there any more.
    /// </summary>
    /// <exception cref="EngineException">InvalidArgument: its path has PATH_MAX bytes or more. No walk is thus deeper than half as many levels.</exception>
    public MergedLevel? Descend(ReadOnlySpan<byte> name, int from, bool throughOpaque)
    {
        byte[] path = Path.Length == 0 ? name.ToArray() : [.. Path, (byte)'/', .. name];
        if (path.Length >= NativePath.Max)
        {
            throw TooLong(path, cause: null);
        }

        List<Part> below = [];
        for (int i = from; i < parts.Count; i++)
        {
            if (!TryGet(i, name, out FileDetails details))
            {
                continue;
            }

            FileDescriptor? folder = details.Status.IsFolder ? Open(parts[i].Folder!, name) : null;
            if (folder is null)
            {
                break;
            }

            FolderOpacity opacity = OpacityOf(folder, hasMarks);
            below.Add(new Part { Layer = parts[i].Layer, Folder = folder, Opacity = opacity });
            if (opacity == FolderOpacity.Opaque && !(throughOpaque && below.Count == 1))
            {
                break;
            }
        }

        return below.Count == 0 ? null : new MergedLevel(roots, path, below, hasMarks, mounts);
    }

    /// <summary>Whether the first layer's folder hides all that lies below it.</summary>
    public bool IsOpaque => parts[0].Opacity == FolderOpacity.Opaque;

    /// <summary>Closes the descriptors until <see cref="Resume"/>: a deep tree must not hold all of them open.</summary>
    public void Suspend()
    {
        foreach (Part part in parts)
        {
            part.Folder?.Dispose();
            part.Folder = null;
        }
    }

    /// <summary>Opens the same paths again; what is gone meanwhile is treated as empty.</summary>
    public void Resume()
    {
        foreach (Part part in parts)
        {
            part.Folder = Open(roots[part.Layer], Path);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Suspend();

    private static FolderOpacity OpacityOf(FileDescriptor folder, bool hasMarks) => hasMarks ? Whiteouts.OpacityOf(folder, "."u8) : FolderOpacity.None;

    private FileDescriptor? Open(FileDescriptor folder, ReadOnlySpan<byte> path)
    {
        try
        {
            return Paths.Open(folder, path.IsEmpty ? "."u8 : path, FolderFlags, 0, Confined);
        }
        catch (LinuxException e) when (e.Errno == Errno.EXDEV)
        {
            return mounts?.TryEnter(folder, path, FolderFlags, Confined & ~ResolveFlags.RESOLVE_NO_XDEV);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            return null;
        }
        catch (LinuxException e) when (e.Errno == Errno.ENAMETOOLONG)
        {
            throw TooLong(path, e);
        }
    }

    private static EngineException TooLong(ReadOnlySpan<byte> path, LinuxException? cause) =>
        new(ErrorKind.InvalidArgument, $"the path \"{NativePath.Show(path)}...\" is longer than {NativePath.Max - 1} bytes, which no archive can hold", cause);

    private static void Read(FileDescriptor folder, int index, HashSet<string>? seen, List<MergedName> names)
    {
        for (IReadOnlyList<FolderEntry> some = FolderReader.ReadSome(folder); some.Count > 0; some = FolderReader.ReadSome(folder))
        {
            foreach (FolderEntry entry in some)
            {
                if (seen is null || seen.Add(Encoding.Latin1.GetString(entry.Name)))
                {
                    names.Add(new MergedName(entry.Name, index));
                }
            }
        }
    }

    private sealed class Part
    {
        public required int Layer { get; init; }

        public required FileDescriptor? Folder { get; set; }

        public required FolderOpacity Opacity { get; init; }
    }
}
