using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Images;

/// <summary>Where an image is copied from. Failures are <see cref="EngineException"/>s or <see cref="CommandFailedException"/>s that name the place.</summary>
internal interface IImageSource : IDisposable
{
    /// <summary>The place as a user calls it.</summary>
    string Name { get; }

    /// <summary>The tag that is asked for; null for none.</summary>
    string? Tag { get; }

    /// <summary>All tags there.</summary>
    Task<IReadOnlyList<string>> ListTagsAsync();

    /// <summary>The document of a tag; null for what was asked for.</summary>
    Task<RemoteDocument> GetRootAsync(string? tag);

    /// <summary>A document by its digest.</summary>
    Task<RemoteDocument> GetAsync(Digest digest);

    /// <summary>A blob from a byte on; reading a whole one checks its length and digest.</summary>
    Stream OpenBlob(Descriptor blob, long offset);
}

/// <summary>Where an image is copied to. Failures as those of <see cref="IImageSource"/>.</summary>
internal interface IImageTarget : IDisposable
{
    /// <inheritdoc cref="IImageSource.Name"/>
    string Name { get; }

    /// <inheritdoc cref="IImageSource.Tag"/>
    string? Tag { get; }

    /// <summary>How many blobs may be put at the same time.</summary>
    int Parallelism { get; }

    /// <summary>The platform of which the place keeps images alone; null for a place that keeps indexes with all of theirs.</summary>
    Task<Platform?> GetPlatformAsync();

    /// <summary>Told of an image's blobs before they are put, so that a place can be asked about all of them at once.</summary>
    Task ExpectAsync(IReadOnlyList<Descriptor> blobs);

    /// <summary>Whether a document is there, with all that it names.</summary>
    Task<bool> HasAsync(Digest digest, string? tag);

    /// <summary>Puts a blob where it is missing; what an earlier try has left is gone on with where that is possible.</summary>
    Task<BlobPushOutcome> PutBlobAsync(Descriptor blob, IImageSource source, Action<long> sent);

    /// <summary>Puts a document after all that it names; with a tag, or as a part of another.</summary>
    Task PutAsync(RemoteDocument document, string? tag, bool isRoot);

    /// <summary>Called once after everything was put.</summary>
    /// <returns>Blobs that were said to exist, and had to be moved after all.</returns>
    Task<IReadOnlyList<Descriptor>> FinishAsync();
}

/// <summary>A repository of a registry.</summary>
internal sealed class RegistryPlace(RegistryRepository repository, RegistryClient client) : IImageSource, IImageTarget
{
    private const int Streams = 3;

    /// <inheritdoc/>
    public string Name => repository.Name.Familiar;

    /// <inheritdoc/>
    public string? Tag => repository.Name.Digest.IsEmpty ? repository.Name.Tag : repository.Name.Digest.ToString();

    /// <inheritdoc/>
    public int Parallelism => Streams;

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListTagsAsync() => repository.ListTagsAsync(CancellationToken.None);

    /// <inheritdoc/>
    public Task<RemoteDocument> GetRootAsync(string? tag) => repository.GetManifestAsync(tag ?? Tag ?? "latest", CancellationToken.None);

    /// <inheritdoc/>
    public Task<RemoteDocument> GetAsync(Digest digest) => repository.GetManifestAsync(digest.ToString(), CancellationToken.None);

    /// <inheritdoc/>
    public Stream OpenBlob(Descriptor blob, long offset) =>
        repository.OpenBlobAsync(blob, new BlobRead { Offset = offset, Verifies = offset == 0 }, CancellationToken.None).GetAwaiter().GetResult(); // no thread waits for another here

    /// <inheritdoc/>
    public Task<Platform?> GetPlatformAsync() => Task.FromResult<Platform?>(null);

    /// <inheritdoc/>
    public Task ExpectAsync(IReadOnlyList<Descriptor> blobs) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task<bool> HasAsync(Digest digest, string? tag) =>
        await repository.FindManifestAsync(tag ?? digest.ToString(), CancellationToken.None) is { } found && found.Digest == digest;

    /// <inheritdoc/>
    public async Task<BlobPushOutcome> PutBlobAsync(Descriptor blob, IImageSource source, Action<long> sent)
    {
        string[] neighbours = source is RegistryPlace { Repository: var other } && other.Domain == Repository.Domain && other.Path != Repository.Path ? [other.Path] : [];
        return (await repository.PushBlobAsync(blob, offset => source.OpenBlob(blob, offset), neighbours, sent, CancellationToken.None)).Outcome;
    }

    /// <inheritdoc/>
    public Task PutAsync(RemoteDocument document, string? tag, bool isRoot) =>
        repository.PushManifestAsync(isRoot && tag is not null ? tag : document.Digest.ToString(), document.MediaType, document.Content, CancellationToken.None);

    /// <inheritdoc/>
    public Task<IReadOnlyList<Descriptor>> FinishAsync() => Task.FromResult<IReadOnlyList<Descriptor>>([]);

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    private ImageReference Repository => repository.Name;
}
