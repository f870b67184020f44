using Berth.Cli.Remote;
using Berth.Client;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Images;

/// <summary>An image of an engine, here or on another machine.</summary>
internal sealed record EngineAddress(string Text, ImageReference Image, EngineEndpoint? Endpoint)
{
    private const string Host = "host:";

    /// <summary>Reads <c>host:NAME</c> and <c>ssh://[USER@]HOST[:PORT]/NAME</c>.</summary>
    /// <exception cref="CommandFailedException">It is neither.</exception>
    public static EngineAddress Parse(CliContext context, string text)
    {
        bool isHere = text.StartsWith(Host, StringComparison.Ordinal);
        int slash = isHere ? Host.Length - 1 : text.IndexOf('/', "ssh://".Length);
        string name = slash < 0 ? "" : text[(slash + 1)..];
        if (!ImageReference.TryParse(name, out ImageReference image, out string? problem))
            throw new CommandFailedException(name.Length == 0 ? $"{text} names no image" : $"{text}: {problem}", exitCode: 1);

        return new EngineAddress(text, image, isHere ? context.Endpoint : RemoteEngine.Parse(text[..slash]));
    }

    public EngineClient Connect(CliContext context) =>
        new(Endpoint ?? context.Endpoint, new EngineClientOptions { BlockingIo = true, Tls = context.Tls, ApiVersion = context.ApiVersion ?? EngineClient.NewestApiVersion });
}

/// <summary>An image of an engine that gives manifests and blobs one by one: what another place has is not moved, and what was interrupted is gone on with.</summary>
internal sealed class EngineSource : IImageSource
{
    private readonly EngineClient client;
    private readonly RemoteDocument manifest;
    private readonly string id;

    private EngineSource(EngineClient client, EngineAddress address, RemoteDocument manifest)
    {
        this.client = client;
        this.manifest = manifest;
        id = ImageDocuments.ReadManifest(manifest.Content, address.Text).Config.Digest.ToString(); // names may move while blobs are read
        Name = address.Text;
        Tag = address.Image.WithDefaultTag().Tag;
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string? Tag { get; }

    /// <summary>Asks the engine for the image's parts, or, where it knows no such question, for all of it.</summary>
    public static async Task<IImageSource> OpenAsync(CliContext context, EngineAddress address)
    {
        EngineClient engine = address.Connect(context);
        try
        {
            byte[] content = await engine.ReadImageManifestAsync(address.Image.WithDefaultTag().Familiar);
            return new EngineSource(engine, address, ArchiveMember.ToDocument(content, Digest.Of(content), address.Text));
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.NotFound)
        {
            engine.Dispose();
            return await SavedImage.OpenAsync(context, address); // which says so when it is the image that is not there
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListTagsAsync() => Task.FromResult<IReadOnlyList<string>>(Tag is null ? [] : [Tag]);

    /// <inheritdoc/>
    public Task<RemoteDocument> GetRootAsync(string? tag) => Task.FromResult(manifest);

    /// <inheritdoc/>
    public Task<RemoteDocument> GetAsync(Digest digest) => digest == manifest.Digest
        ? Task.FromResult(manifest)
        : throw new EngineException(ErrorKind.NotFound, $"{Name} lacks {digest}");

    /// <inheritdoc/>
    public Stream OpenBlob(Descriptor blob, long offset)
    {
        try
        {
            var content = new Received(client.OpenImageBlobAsync(id, blob.Digest, offset).GetAwaiter().GetResult()); // no thread waits for another here
            return offset == 0 ? new VerifiedStream(content, blob, Name) : content;
        }
        catch (EngineException exception)
        {
            throw new EngineException(exception.Kind, $"{Name}: {exception.Message}{(exception.Kind == ErrorKind.NotFound ? "; it was there when the copy began" : "")}", exception);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    private sealed class Received(ResponseStream response) : ReadOnlyStream
    {
        public override int Read(Span<byte> buffer) => response.Read(buffer);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                response.Dispose();

            base.Dispose(disposing);
        }
    }
}

/// <summary>An image that another engine than Berth saves. It is received whole before the first byte goes on, as its documents come last.</summary>
internal sealed class SavedImage : IImageSource
{
    private readonly string folder;
    private readonly ArchiveSource archive;

    private SavedImage(string folder, ArchiveSource archive)
    {
        this.folder = folder;
        this.archive = archive;
    }

    /// <inheritdoc/>
    public string Name => archive.Name;

    /// <inheritdoc/>
    public string? Tag => archive.Tag;

    public static async Task<SavedImage> OpenAsync(CliContext context, EngineAddress address)
    {
        ImageReference image = address.Image.WithDefaultTag();
        string temporary = Directory.CreateTempSubdirectory("berth-copy-").FullName; // for this user alone
        try
        {
            string file = Path.Combine(temporary, "image.tar");
            using (EngineClient client = address.Connect(context))
            using (ResponseStream response = await client.SaveImagesAsync([image.Familiar], []))
            using (var output = new FileStream(file, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0))
            {
                byte[] buffer = new byte[256 * 1024];
                for (int count; (count = response.Read(buffer)) > 0;)
                    output.Write(buffer, 0, count);
            }

            return new SavedImage(temporary, new ArchiveSource(file, image.Tag, address.Text));
        }
        catch
        {
            Directory.Delete(temporary, recursive: true);
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListTagsAsync() => archive.ListTagsAsync();

    /// <inheritdoc/>
    public Task<RemoteDocument> GetRootAsync(string? tag) => archive.GetRootAsync(tag);

    /// <inheritdoc/>
    public Task<RemoteDocument> GetAsync(Digest digest) => archive.GetAsync(digest);

    /// <inheritdoc/>
    public Stream OpenBlob(Descriptor blob, long offset) => archive.OpenBlob(blob, offset);

    /// <inheritdoc/>
    public void Dispose()
    {
        archive.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
