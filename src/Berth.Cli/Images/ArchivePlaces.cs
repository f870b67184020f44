using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Berth.Cli.Archives;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Images;

/// <summary>Where in an archive a member's content is.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ArchiveMember(long Offset, long Size)
{
    /// <summary>Content that claims to be a document.</summary>
    /// <exception cref="EngineException">It is another, or none.</exception>
    public static RemoteDocument ToDocument(byte[] content, Digest digest, string place)
    {
        if (Digest.Of(content) != digest)
            throw new EngineException(ErrorKind.Internal, $"{place}: {digest} is damaged");

        string subject = $"{place}: {digest}";
        bool isIndex = ImageDocuments.KindOf(content, mediaType: null, subject) == ImageDocumentKind.Index;
        string? own = isIndex ? ImageDocuments.ReadIndex(content, subject).MediaType : ImageDocuments.ReadManifest(content, subject).MediaType;
        return new RemoteDocument(digest, own ?? (isIndex ? MediaTypes.OciIndex : MediaTypes.OciManifest), content);
    }
}

/// <summary>An archive with an <c>index.json</c>: of <c>save</c>, of docker since 25, of skopeo's <c>oci-archive</c>. Read once to find its members, and then where they are.</summary>
internal sealed class ArchiveSource : IImageSource
{
    private readonly string path;
    private readonly Dictionary<string, ArchiveMember> members = new(StringComparer.Ordinal);
    private readonly LayoutIndex index;

    /// <exception cref="CommandFailedException">It cannot be read, or has no index.</exception>
    public ArchiveSource(string path, string? tag = null, string? name = null)
    {
        this.path = path;
        Tag = tag;
        Name = name ?? "archive:" + path;
        FindMembers();
        index = members.TryGetValue(LayoutIndex.FileName, out ArchiveMember member)
            ? LayoutIndex.Parse(Read(member), Name)
            : throw new CommandFailedException($"{Name} has no {LayoutIndex.FileName}, so that its images have no digests that could be kept; load it into an engine and save it anew", exitCode: 1);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string? Tag { get; }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListTagsAsync() => Task.FromResult(index.Tags);

    /// <inheritdoc/>
    public Task<RemoteDocument> GetRootAsync(string? tag) => GetAsync(index.Find(tag ?? Tag, Name).Digest);

    /// <inheritdoc/>
    public Task<RemoteDocument> GetAsync(Digest digest) => Task.FromResult(ArchiveMember.ToDocument(Read(Find(digest)), digest, Name));

    /// <inheritdoc/>
    public Stream OpenBlob(Descriptor blob, long offset)
    {
        ArchiveMember member = Find(blob.Digest);
        FileStream file = LocalFile.Open(path, Name);
        file.Position = member.Offset + offset;
        Stream content = new SliceStream(file, member.Size - offset);
        return offset == 0 ? new VerifiedStream(content, blob, Name) : content;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Every file is closed by the one that opened it.
    }

    private void FindMembers()
    {
        using FileStream file = LocalFile.Open(path, Name);
        try
        {
            var input = new TarInput(file.Read);
            while (input.Next() is { } entry)
            {
                string name = Encoding.UTF8.GetString(entry.Name);
                if (entry.Kind == TarKind.File)
                    members[name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name] = new ArchiveMember(input.ContentOffset, entry.Size);
            }
        }
        catch (TarException exception)
        {
            throw new CommandFailedException($"{Name} cannot be read: {exception.Message}", exitCode: 1);
        }
    }

    private ArchiveMember Find(Digest digest) => members.TryGetValue(LayoutIndex.PathOf(digest), out ArchiveMember member)
        ? member
        : throw new EngineException(ErrorKind.NotFound, $"{Name} lacks {digest}, which its image needs; of an image for several platforms it may have one alone: name it with --platform");

    private byte[] Read(ArchiveMember member)
    {
        if (member.Size > ImageDocuments.MaxDocument)
            throw new CommandFailedException($"{Name}: a document has {member.Size} bytes; at most {ImageDocuments.MaxDocument} are read", exitCode: 1);

        using FileStream file = LocalFile.Open(path, Name);
        file.Position = member.Offset;
        byte[] content = new byte[member.Size];
        file.ReadExactly(content);
        return content;
    }

    private sealed class SliceStream(FileStream file, long size) : ReadOnlyStream
    {
        private long left = size;

        public override int Read(Span<byte> buffer)
        {
            int count = file.Read(buffer[..(int)Math.Min(buffer.Length, left)]);
            left -= count;
            return count;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                file.Dispose();

            base.Dispose(disposing);
        }
    }
}

/// <summary>A new archive: an OCI layout, with docker's <c>manifest.json</c> for its single images, so that every <c>load</c> reads it. It replaces the file when it is complete.</summary>
internal sealed class ArchiveTarget : IImageTarget
{
    private readonly string path;
    private readonly string temporary;
    private readonly string? repository;
    private readonly FileStream file;
    private readonly TarOutput output;
    private readonly LayoutIndex index = LayoutIndex.Empty();
    private readonly HashSet<Digest> written = [];
    private readonly List<(ImageManifest Manifest, string? Name)> images = [];
    private bool finished;

    /// <param name="path">The file.</param>
    /// <param name="repository">What the images are called in it, with their tags; null for tags alone.</param>
    /// <param name="name">What the place is called; null for the file.</param>
    public ArchiveTarget(string path, string? repository, string? name = null)
    {
        this.path = path;
        this.repository = repository;
        Name = name ?? "archive:" + path;
        temporary = $"{path}.{Guid.NewGuid():N}";
        try
        {
            file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, 256 * 1024);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw LocalFile.Failed("write", path, exception);
        }

        output = new TarOutput(file);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string? Tag => null;

    /// <inheritdoc/>
    public int Parallelism => 1;

    /// <inheritdoc/>
    public Task<Platform?> GetPlatformAsync() => Task.FromResult<Platform?>(null);

    /// <inheritdoc/>
    public Task ExpectAsync(IReadOnlyList<Descriptor> blobs) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<bool> HasAsync(Digest digest, string? tag) => Task.FromResult(false);

    /// <inheritdoc/>
    public Task<BlobPushOutcome> PutBlobAsync(Descriptor blob, IImageSource source, Action<long> sent)
    {
        if (!written.Add(blob.Digest))
            return Task.FromResult(BlobPushOutcome.Existed);

        output.Begin(EntryOf(LayoutIndex.PathOf(blob.Digest), blob.Size));
        using Stream content = source.OpenBlob(blob, 0); // which checks the digest
        byte[] buffer = new byte[128 * 1024];
        long done = 0;
        for (int count; (count = content.Read(buffer)) > 0;)
        {
            output.Write(buffer.AsSpan(0, count));
            sent(done += count);
        }

        return Task.FromResult(BlobPushOutcome.Uploaded);
    }

    /// <inheritdoc/>
    public Task PutAsync(RemoteDocument document, string? tag, bool isRoot)
    {
        if (written.Add(document.Digest))
            Add(LayoutIndex.PathOf(document.Digest), document.Content);

        if (!isRoot)
            return Task.CompletedTask;

        string? full = repository is null || tag is null || Digest.TryParse(tag, out _) ? null : $"{repository}:{tag}";
        index.Set(document, tag, full);
        if (MediaTypes.IsManifest(document.MediaType))
            images.Add((ImageDocuments.ReadManifest(document.Content, Name), full));

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Descriptor>> FinishAsync()
    {
        Add(LayoutIndex.FileName, index.ToJson());
        if (images.Count > 0)
            Add("manifest.json", Encoding.UTF8.GetBytes(DockerManifest()));

        Add(LayoutIndex.MarkerName, Encoding.ASCII.GetBytes(LayoutIndex.Marker));
        output.End();
        try
        {
            file.Flush(flushToDisk: true);
            file.Dispose();
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw LocalFile.Failed("write", path, exception);
        }

        finished = true;
        return Task.FromResult<IReadOnlyList<Descriptor>>([]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        file.Dispose();
        if (!finished)
            File.Delete(temporary);
    }

    private static TarEntry EntryOf(string name, long size) => new() { Name = Encoding.UTF8.GetBytes(name), Mode = 0x1A4, Size = size }; // 0644

    private void Add(string name, byte[] content)
    {
        output.Begin(EntryOf(name, content.Length));
        output.Write(content);
    }

    private string DockerManifest()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            foreach ((ImageManifest manifest, string? name) in images)
            {
                writer.WriteStartObject();
                writer.WriteString("Config", LayoutIndex.PathOf(manifest.Config.Digest));
                writer.WriteStartArray("RepoTags");
                if (name is not null)
                    writer.WriteStringValue(ImageReference.Parse(name).Familiar);

                writer.WriteEndArray();
                writer.WriteStartArray("Layers");
                foreach (Descriptor layer in manifest.Layers)
                    writer.WriteStringValue(LayoutIndex.PathOf(layer.Digest));

                writer.WriteEndArray();
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
