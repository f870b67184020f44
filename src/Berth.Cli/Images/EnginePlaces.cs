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

/// <summary>An image that an engine saves. It is received whole before the first byte goes on, as its documents come last.</summary>
internal sealed class EngineSource : IImageSource
{
    private readonly string folder;
    private readonly ArchiveSource archive;

    private EngineSource(string folder, ArchiveSource archive)
    {
        this.folder = folder;
        this.archive = archive;
    }

    /// <inheritdoc/>
    public string Name => archive.Name;

    /// <inheritdoc/>
    public string? Tag => archive.Tag;

    public static async Task<EngineSource> OpenAsync(CliContext context, EngineAddress address)
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

            return new EngineSource(temporary, new ArchiveSource(file, image.Tag, address.Text));
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

/// <summary>An engine that loads an image once its archive is complete: it is moved whole.</summary>
internal sealed class EngineTarget : IImageTarget
{
    private readonly CliContext context;
    private readonly EngineAddress address;
    private readonly string folder;
    private readonly string file;
    private readonly ArchiveTarget archive;

    public EngineTarget(CliContext context, EngineAddress address)
    {
        if (!address.Image.Digest.IsEmpty)
            throw new CommandFailedException($"{address.Text}: an image cannot be loaded under a digest; name a tag", exitCode: 1);

        this.context = context;
        this.address = address;
        folder = Directory.CreateTempSubdirectory("berth-copy-").FullName; // for this user alone
        file = Path.Combine(folder, "image.tar");
        archive = new ArchiveTarget(file, address.Image.Repository, address.Text);
    }

    /// <inheritdoc/>
    public string Name => address.Text;

    /// <inheritdoc/>
    public string? Tag => address.Image.Tag;

    /// <inheritdoc/>
    public int Parallelism => archive.Parallelism;

    /// <inheritdoc/>
    public Task<bool> HasAsync(Digest digest, string? tag) => archive.HasAsync(digest, tag);

    /// <inheritdoc/>
    public Task<BlobPushOutcome> PutBlobAsync(Descriptor blob, IImageSource source, Action<long> sent) => archive.PutBlobAsync(blob, source, sent);

    /// <inheritdoc/>
    public Task PutAsync(RemoteDocument document, string? tag, bool isRoot) => archive.PutAsync(document, tag, isRoot);

    /// <inheritdoc/>
    public async Task FinishAsync()
    {
        await archive.FinishAsync();
        using EngineClient client = address.Connect(context);
        using FileStream content = LocalFile.Open(file, Name);
        string? failure = null;
        await client.LoadImagesAsync(content, quiet: true, [], step => failure ??= step.ErrorDetail?.Message);
        if (failure is not null)
            throw new CommandFailedException($"{Name}: {failure}", exitCode: 1);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        archive.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
