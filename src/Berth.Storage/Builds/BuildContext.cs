using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Builds;

/// <summary>
/// A build's context as it came: names in memory, the files' bytes behind each other in one file that has no name, so that nothing is left of it when the daemon ends, however that is.
/// Nothing of it is ever a file of the host: no name or link in it leads anywhere. Immutable once received; safe for concurrent use.
/// </summary>
public sealed class BuildContext : IDisposable
{
    private const int BufferSize = 256 << 10;
    private const long MostNames = 512L << 20;
    private const int NodeSize = 256;
    private readonly FileDescriptor spool;
    private readonly Node root = new() { Entry = new SourceEntry { Path = [], Type = TarEntryType.Folder, Mode = 0x1ED } };

    private long names;

    private BuildContext(FileDescriptor spool) => this.spool = spool;

    /// <summary>Bytes of all files.</summary>
    public long Size { get; private set; }

    /// <summary>Files, folders and links in it.</summary>
    public int Count { get; private set; }

    /// <summary>A context without any file.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public static BuildContext CreateEmpty(StorageRoot storage) => new(OpenSpool(storage));

    /// <summary>Receives a tar, plain or packed.</summary>
    /// <exception cref="EngineException">InvalidArgument for an archive that is malformed or refused; Internal when the disk refuses.</exception>
    public static async Task<BuildContext> ReceiveAsync(StorageRoot storage, Stream archive, CancellationToken cancellationToken)
    {
        BuildContext context = CreateEmpty(storage);
        try
        {
            await ThreadInput.RunAsync(archive, context.Read, cancellationToken);
            return context;
        }
        catch (LinuxException e)
        {
            context.Dispose();
            throw new EngineException(ErrorKind.Internal, $"the build context cannot be stored: {e.Message}", e);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>Puts a file into it, in the place of whatever has the name.</summary>
    public void Add(string path, ReadOnlySpan<byte> content)
    {
        byte[] name = Encoding.UTF8.GetBytes(path);
        long offset = Size;
        FileData.WriteAt(spool, content, offset);
        Size += content.Length;
        Put(name, new SourceEntry { Path = name, Type = TarEntryType.File, Mode = 0x1A4, Size = content.Length }, offset, SHA256.HashData(content));
    }

    /// <summary>Receives a file; nothing else may be done with the context meanwhile.</summary>
    /// <param name="path">In the place of whatever has the name.</param>
    /// <param name="content">Read to its end.</param>
    /// <param name="mode">Permissions.</param>
    /// <param name="time">Seconds since 1970.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The digest of its bytes.</returns>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public async Task<Digest> AddAsync(string path, Stream content, uint mode, long time, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferSize];
        long offset = Size;
        try
        {
            int count;
            while ((count = await content.ReadAsync(buffer, cancellationToken)) > 0)
            {
                hash.AppendData(buffer, 0, count);
                FileData.WriteAt(spool, buffer.AsSpan(0, count), Size);
                Size += count;
            }
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"\"{PrintableText.Of(path)}\" cannot be stored for the build: {e.Message}", e);
        }

        byte[] name = Encoding.UTF8.GetBytes(path);
        byte[] digest = hash.GetHashAndReset();
        Put(name, new SourceEntry { Path = name, Type = TarEntryType.File, Mode = mode, Size = Size - offset, MtimeSeconds = time }, offset, digest);
        return Digest.FromHash(digest);
    }

    /// <summary>Takes a file out of it, if it is there.</summary>
    public void Remove(string path)
    {
        byte[] name = Encoding.UTF8.GetBytes(path);
        if (FindNode(LayerPath.Parent(name)) is { Children: { } names } && names.Remove(Key(LayerPath.Name(name))))
        {
            Count--;
            FindNode(LayerPath.Parent(name))!.Sorted = null; // found above
        }
    }

    /// <summary>A file's bytes, its links followed; null when there is none, or it is larger than <paramref name="most"/>.</summary>
    /// <exception cref="EngineException">InvalidArgument for links in a circle.</exception>
    public byte[]? TryRead(string path, int most)
    {
        using View view = new(this);
        byte[] name = SourcePaths.Resolve(view, Encoding.UTF8.GetBytes(path), followsLast: true);
        if (view.Find(name) is not { Type: TarEntryType.File } file || file.Size > most)
        {
            return null;
        }

        byte[] content = new byte[file.Size];
        using Stream stream = view.Open(file);
        stream.ReadExactly(content);
        return content;
    }

    /// <summary>Whether there is something at the path.</summary>
    public bool Exists(string path)
    {
        using View view = new(this);
        return view.Find(SourcePaths.Resolve(view, Encoding.UTF8.GetBytes(path), followsLast: true)) is not null;
    }

    /// <inheritdoc/>
    public void Dispose() => spool.Dispose();

    /// <summary>The files, for copying.</summary>
    internal ISourceTree OpenTree() => new View(this);

    private static FileDescriptor OpenSpool(StorageRoot storage)
    {
        try
        {
            storage.MakeFolders("builds");
            return Paths.Open(storage.PathOf("builds"), OpenFlags.O_RDWR | OpenFlags.O_TMPFILE, 0x180);
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            throw new EngineException(ErrorKind.Internal, $"the build context cannot be stored: {e.Message}", e);
        }
    }

    private static string Key(ReadOnlySpan<byte> name) => Encoding.Latin1.GetString(name);

    private void Read(Stream archive)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[BufferSize];
        TarReader reader = new(archive, new TarLimits { RequireTrailer = false });
        while (reader.Next() is { } entry)
        {
            byte[] path = LayerPath.Parse(entry.Name, entry.Name);
            if (path.Length > 0)
            {
                Add(path, entry, reader, hash, buffer);
            }
        }

        reader.Drain();
    }

    private void Add(byte[] path, TarEntry entry, TarReader reader, IncrementalHash hash, byte[] buffer)
    {
        if (entry.Type == TarEntryType.HardLink)
        {
            byte[] linked = LayerPath.Parse(entry.LinkTarget, entry.Name);
            Node first = FindNode(linked) is { Entry.Type: not TarEntryType.Folder } node
                ? node
                : throw Refused(entry, $"it is a hard link to \"{NativePath.Show(linked)}\", which did not come before it");
            ulong identity = first.Entry.Identity == 0 ? (ulong)Count + 1 : first.Entry.Identity;
            first.Entry = first.Entry with { Identity = identity };
            Put(path, first.Entry with { Path = path }, first.Offset, first.Hash);
            return;
        }

        long offset = Size;
        byte[] digest = [];
        if (entry.Type == TarEntryType.File)
        {
            RequireWhole(entry);
            int count;
            while ((count = reader.Read(buffer)) > 0)
            {
                hash.AppendData(buffer, 0, count);
                FileData.WriteAt(spool, buffer.AsSpan(0, count), Size);
                Size += count;
            }

            digest = hash.GetHashAndReset();
        }

        Put(
            path,
            new SourceEntry
            {
                Path = path,
                Type = entry.Type,
                Mode = entry.Mode,
                Uid = entry.Uid,
                Gid = entry.Gid,
                Size = entry.Size,
                MtimeSeconds = entry.MtimeSeconds,
                MtimeNanoseconds = entry.MtimeNanoseconds,
                LinkTarget = entry.LinkTarget,
                DeviceMajor = entry.DeviceMajor,
                DeviceMinor = entry.DeviceMinor,
                Xattrs = entry.Xattrs,
            },
            offset,
            digest);
    }

    private static void RequireWhole(TarEntry entry)
    {
        if (entry.Regions is not null)
        {
            throw Refused(entry, "a build context cannot have files in tar's sparse form");
        }
    }

    // What is in memory of a file: a small archive may ask for much of it.
    private void CountNames(byte[] path, IReadOnlyList<KeyValuePair<string, byte[]>> attributes)
    {
        names += NodeSize + path.Length + attributes.Sum(static attribute => (long)attribute.Key.Length + attribute.Value.Length);
        if (names > MostNames)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"the build context is refused: the names and attributes of its files take more than {MostNames >> 20} MiB; leave files out with .dockerignore");
        }
    }

    private void Put(byte[] path, SourceEntry entry, long offset, byte[] hash)
    {
        CountNames(path, entry.Xattrs);
        Node folder = root;
        ReadOnlySpan<byte> rest = path;
        for (int slash; (slash = rest.IndexOf((byte)'/')) >= 0; rest = rest[(slash + 1)..])
        {
            folder.Children ??= [];
            ref Node? next = ref CollectionsMarshal.GetValueRefOrAddDefault(folder.Children, Key(rest[..slash]), out bool isThere);
            if (!isThere)
            {
                folder.Sorted = null;
                CountNames(path, []);
                next = new Node { Entry = new SourceEntry { Path = path[..(path.Length - rest.Length + slash)], Type = TarEntryType.Folder, Mode = 0x1ED } };
                Count++;
            }

            folder = next!; // made where it was not there
            if (!folder.Entry.IsFolder)
            {
                throw new EngineException(
                    ErrorKind.InvalidArgument, $"the build context is refused: \"{NativePath.Show(path)}\" lies below \"{NativePath.Show(folder.Entry.Path)}\", which is no folder");
            }
        }

        folder.Children ??= [];
        folder.Sorted = null;
        string name = Key(rest);
        if (folder.Children.TryGetValue(name, out Node? known))
        {
            // A later entry replaces an earlier one; of two folders the names in them stay.
            known.Children = entry.IsFolder ? known.Children : null;
            known.Entry = entry;
            known.Offset = offset;
            known.Hash = hash;
            return;
        }

        folder.Children.Add(name, new Node { Entry = entry, Offset = offset, Hash = hash });
        Count++;
    }

    private Node? FindNode(ReadOnlySpan<byte> path)
    {
        Node? at = root;
        while (!path.IsEmpty && at is not null)
        {
            int slash = path.IndexOf((byte)'/');
            at = at.Children?.GetValueOrDefault(Key(slash < 0 ? path : path[..slash]));
            path = slash < 0 ? default : path[(slash + 1)..];
        }

        return at;
    }

    private static EngineException Refused(TarEntry entry, string why) => new(ErrorKind.InvalidArgument, $"the build context is refused at \"{NativePath.Show(entry.Name)}\": {why}");

    private sealed class Node
    {
        public required SourceEntry Entry { get; set; }

        public long Offset { get; set; }

        public byte[] Hash { get; set; } = [];

        public Dictionary<string, Node>? Children { get; set; }

        public IReadOnlyList<SourceEntry>? Sorted { get; set; }
    }

    private sealed class View(BuildContext context) : ISourceTree
    {
        public SourceEntry? Find(ReadOnlySpan<byte> path) => context.FindNode(path)?.Entry;

        public IReadOnlyList<SourceEntry> List(SourceEntry folder)
        {
            // Names are bytes as characters, so this is the order of the bytes.
            Node? node = context.FindNode(folder.Path);
            return node is null ? [] : node.Sorted ??= [.. (node.Children ?? []).OrderBy(static child => child.Key, StringComparer.Ordinal).Select(static child => child.Value.Entry)];
        }

        public Stream Open(SourceEntry file) => new SpoolStream(context.spool, context.FindNode(file.Path)!.Offset, file.Size); // its own entry

        public Digest HashOf(SourceEntry file) => Digest.FromHash(context.FindNode(file.Path)!.Hash);

        public void Dispose()
        {
            // The context is the build's.
        }
    }

    private sealed class SpoolStream(FileDescriptor spool, long offset, long length) : ReadOnlyStream
    {
        private long done;

        public override int Read(Span<byte> buffer)
        {
            int count = buffer.IsEmpty || done >= length ? 0 : FileData.ReadAt(spool, buffer[..(int)Math.Min(buffer.Length, length - done)], offset + done);
            done += count;
            return count;
        }
    }
}
