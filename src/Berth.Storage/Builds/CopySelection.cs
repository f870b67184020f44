using System.Security.Cryptography;
using System.Text;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Builds;

/// <summary>One source of a copy after links and patterns.</summary>
/// <param name="Entry">The file, or the folder whose content is meant.</param>
/// <param name="Name">What a file is called in a destination that is a folder; with the source's folders if they are kept.</param>
internal sealed record SelectedSource(SourceEntry Entry, byte[] Name);

/// <summary>The files that a COPY or ADD takes.</summary>
internal sealed class CopySelection
{
    private readonly ISourceTree tree;

    private CopySelection(ISourceTree tree, CopyRequest request, IReadOnlyList<SelectedSource> sources)
    {
        this.tree = tree;
        Request = request;
        Sources = sources;
    }

    public CopyRequest Request { get; }

    /// <summary>In the order of the instruction, of a pattern in the order of the names.</summary>
    public IReadOnlyList<SelectedSource> Sources { get; }

    /// <summary>No file at all.</summary>
    public static CopySelection None(ISourceTree tree, CopyRequest request) => new(tree, request, []);

    /// <summary>Finds what the request names.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words: nothing there, or outside of the source.</exception>
    public static CopySelection Make(ISourceTree tree, CopyRequest request)
    {
        List<SelectedSource> sources = [];
        foreach (string source in request.Sources)
        {
            string path = Clean(source);
            List<SelectedSource> found = PathPattern.IsPattern(path) ? Expand(tree, path, request) : [Select(tree, path, request, source)];
            sources.AddRange(found);
        }

        return sources.Count == 0
            ? throw new EngineException(ErrorKind.InvalidArgument, "no source files were specified")
            : new CopySelection(tree, request, sources);
    }

    /// <summary>The one file or folder at a path, which is no pattern.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words: nothing there, or outside of the source.</exception>
    public static CopySelection MakeOne(ISourceTree tree, CopyRequest request) => new(tree, request, [Select(tree, Clean(request.Sources[0]), request, request.Sources[0])]);

    /// <summary>
    /// Digest of all that decides about the copied files: names, kinds, permissions, attributes and content; owners only if they are asked for, and not times, which the copy sets or a build does not look at.
    /// </summary>
    public Digest GetDigest(CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (SelectedSource source in Sources)
        {
            Append(hash, source.Name, source.Entry.IsFolder ? 1 : 0);
            AppendParents(hash, source);
            foreach (SourceEntry entry in Walk(source))
            {
                cancellationToken.ThrowIfCancellationRequested();
                Append(hash, entry.Path.AsSpan(Math.Min(source.Entry.Path.Length, entry.Path.Length)), (long)entry.Type << 32 | entry.Mode);
                Append(hash, entry.LinkTarget, (long)entry.DeviceMajor << 32 | entry.DeviceMinor);
                if (Request.ShowsOwners)
                {
                    Append(hash, [], (long)entry.Uid << 32 | entry.Gid);
                }

                if (entry.Type == TarEntryType.File)
                {
                    Append(hash, Encoding.ASCII.GetBytes(tree.HashOf(entry).Hex), entry.Size);
                }

                foreach ((string name, byte[] value) in entry.Xattrs.OrderBy(static attribute => attribute.Key, StringComparer.Ordinal))
                {
                    Append(hash, Encoding.UTF8.GetBytes(name), 2);
                    Append(hash, value, 3);
                }
            }
        }

        return Digest.FromHash(hash.GetHashAndReset());
    }

    /// <summary>The source and all that is in it, each folder before what it holds; without what is excluded.</summary>
    public IEnumerable<SourceEntry> Walk(SelectedSource source)
    {
        if (!source.Entry.IsFolder)
        {
            yield return source.Entry;
            yield break;
        }

        Stack<IEnumerator<SourceEntry>> open = new();
        yield return source.Entry;
        open.Push(tree.List(source.Entry).GetEnumerator());
        while (open.TryPeek(out IEnumerator<SourceEntry>? level))
        {
            if (!level.MoveNext())
            {
                open.Pop().Dispose();
                continue;
            }

            SourceEntry entry = level.Current;
            if (!IsExcluded(Request, entry.Path))
            {
                yield return entry;
            }

            if (entry.IsFolder)
            {
                open.Push(tree.List(entry).GetEnumerator());
            }
        }
    }

    // With --parents the source's folders are copied too.
    private void AppendParents(IncrementalHash hash, SelectedSource source)
    {
        for (int slash = source.Name.AsSpan().IndexOf((byte)'/'), at = 0; Request.KeepsParents && slash >= 0; slash = source.Name.AsSpan(at).IndexOf((byte)'/'))
        {
            at += slash + 1;
            if (tree.Find(SourcePaths.Resolve(tree, source.Name.AsSpan(0, at - 1), followsLast: true)) is { } folder)
            {
                Append(hash, folder.Path, folder.Mode);
                foreach ((string name, byte[] value) in folder.Xattrs)
                {
                    Append(hash, Encoding.UTF8.GetBytes(name), 2);
                    Append(hash, value, 3);
                }
            }
        }
    }

    private static bool IsExcluded(CopyRequest request, byte[] path) => request.IsExcluded is { } isExcluded && isExcluded(Encoding.UTF8.GetString(path));

    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> text, long number)
    {
        Span<byte> numbers = stackalloc byte[12];
        BitConverter.TryWriteBytes(numbers, text.Length);
        BitConverter.TryWriteBytes(numbers[4..], number);
        hash.AppendData(numbers);
        hash.AppendData(text);
    }

    // Relative, without needless parts.
    private static string Clean(string source)
    {
        List<string> parts = [];
        foreach (string part in source.Split('/'))
        {
            if (part == "..")
            {
                if (parts.Count == 0)
                {
                    throw new EngineException(ErrorKind.InvalidArgument, $"forbidden path outside the build context: {PrintableText.Of(source)} ()");
                }

                parts.RemoveAt(parts.Count - 1);
            }
            else if (part.Length > 0 && part != ".")
            {
                parts.Add(part);
            }
        }

        return string.Join('/', parts);
    }

    private static SelectedSource Select(ISourceTree tree, string path, CopyRequest request, string written)
    {
        return Select(tree, Encoding.UTF8.GetBytes(path), path, request, written);
    }

    private static SelectedSource Select(ISourceTree tree, byte[] bytes, string path, CopyRequest request, string written)
    {
        SourceEntry? entry = tree.Find(SourcePaths.Resolve(tree, bytes, followsLast: true));
        if (entry is null || IsExcluded(request, bytes))
        {
            string where = request.IsContext ? "file not found in build context or excluded by .dockerignore: " : "";
            throw new EngineException(ErrorKind.InvalidArgument, $"{where}stat {PrintableText.Of(path.Length == 0 ? written : path)}: file does not exist");
        }

        return new SelectedSource(entry, request.KeepsParents ? bytes : LayerPath.Name(bytes).ToArray());
    }

    private static List<SelectedSource> Expand(ISourceTree tree, string pattern, CopyRequest request)
    {
        List<SourceEntry> found = [tree.Find([])!]; // the root is always there
        foreach (string part in pattern.Split('/'))
        {
            List<SourceEntry> next = [];
            foreach (SourceEntry folder in found.Where(static entry => entry.IsFolder))
            {
                next.AddRange(tree.List(folder).Where(entry => PathPattern.Matches(part, Encoding.UTF8.GetString(LayerPath.Name(entry.Path)))));
            }

            found = next;
        }

        return [.. found.Where(entry => !IsExcluded(request, entry.Path)).Select(entry => Select(tree, entry.Path, pattern, request, pattern))];
    }
}
