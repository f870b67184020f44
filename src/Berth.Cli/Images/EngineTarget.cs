using System.Globalization;
using Berth.Api;
using Berth.Client;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry;

namespace Berth.Cli.Images;

/// <summary>
/// An engine, which loads an archive once that is complete. Layers that the engine has are left out; if it lost one of them before it loaded, everything is sent, once. Engines
/// that are not Berth cannot be asked, and get everything.
/// </summary>
internal sealed class EngineTarget : IImageTarget
{
    private const int FirstDockerWithZstd = 23;
    private readonly EngineClient client;
    private readonly string repository;
    private readonly string folder;
    private readonly string file;
    private readonly ArchiveTarget archive;
    private readonly HashSet<Digest> there = [];
    private readonly List<Part> parts = [];
    private readonly List<(RemoteDocument Document, string? Tag, bool IsRoot)> documents = [];
    private bool isBerth; // it could be asked

    public EngineTarget(CliContext context, EngineAddress address)
    {
        if (!address.Image.Digest.IsEmpty)
            throw new CommandFailedException($"{address.Text}: an image cannot be loaded under a digest; name a tag", exitCode: 1);

        Name = address.Text;
        Tag = address.Image.Tag;
        repository = address.Image.Repository;
        client = address.Connect(context);
        folder = Directory.CreateTempSubdirectory("berth-copy-").FullName; // for this user alone
        file = Path.Combine(folder, "image.tar");
        archive = new ArchiveTarget(file, repository, Name);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string? Tag { get; }

    /// <inheritdoc/>
    public int Parallelism => archive.Parallelism;

    /// <inheritdoc/>
    public async Task<Platform?> GetPlatformAsync()
    {
        VersionResponse version = await client.GetVersionAsync();
        return version.Os.Length > 0 && version.Arch.Length > 0 ? new Platform(version.Os, version.Arch) : null;
    }

    /// <inheritdoc/>
    public Task<bool> HasAsync(Digest digest, string? tag) => archive.HasAsync(digest, tag);

    /// <inheritdoc/>
    public async Task ExpectAsync(IReadOnlyList<Descriptor> blobs)
    {
        Digest[] layers = [.. blobs.Where(static blob => MediaTypes.IsLayer(blob.MediaType)).Select(static blob => blob.Digest)];
        there.UnionWith(layers);
        there.ExceptWith(await FindMissingAsync(layers));
        if (blobs.FirstOrDefault(static blob => blob.MediaType.EndsWith("zstd", StringComparison.Ordinal)) is { } zstd && !isBerth && !await ReadsZstdAsync())
            throw new CommandFailedException($"{Name}: layer {zstd.Digest} is packed with zstd, which docker reads from version {FirstDockerWithZstd} on; a save unpacks it: berth save IMAGE | docker load", exitCode: 1);
    }

    /// <inheritdoc/>
    public async Task<BlobPushOutcome> PutBlobAsync(Descriptor blob, IImageSource source, Action<long> sent)
    {
        bool isThere = there.Contains(blob.Digest);
        BlobPushOutcome outcome = isThere ? BlobPushOutcome.Existed : await archive.PutBlobAsync(blob, source, sent);
        parts.Add(new Part(blob, isThere ? source : null));
        return outcome;
    }

    /// <inheritdoc/>
    public Task PutAsync(RemoteDocument document, string? tag, bool isRoot)
    {
        documents.Add((document, tag, isRoot));
        return archive.PutAsync(document, tag, isRoot);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<Descriptor>> FinishAsync()
    {
        await archive.FinishAsync();
        string? failure = await LoadAsync(file);
        Part[] omitted = failure is null ? [] : [.. parts.Where(static part => part.Omitted is not null)];
        if (omitted.Length > 0 && (await FindMissingAsync([.. omitted.Select(static part => part.Blob.Digest)])).Count > 0)
            failure = await LoadAsync(await CompleteAsync());
        else
            omitted = [];

        return failure is null ? [.. omitted.Select(static part => part.Blob)] : throw new CommandFailedException($"{Name}: {failure}", exitCode: 1);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        archive.Dispose();
        client.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private async Task<bool> ReadsZstdAsync()
    {
        VersionComponent? docker = (await client.GetVersionAsync()).Components?.Find(static part => part.Name == "Engine");
        return docker is null || !int.TryParse(docker.Version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int major) || major >= FirstDockerWithZstd;
    }

    private async Task<IReadOnlyCollection<Digest>> FindMissingAsync(Digest[] blobs)
    {
        try
        {
            HashSet<string> missing = [.. blobs.Length == 0 ? [] : await client.FindMissingBlobsAsync(blobs)];
            isBerth |= blobs.Length > 0;
            return [.. blobs.Where(blob => missing.Contains(blob.ToString()))];
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.NotFound)
        {
            return blobs; // another engine, or an older one
        }
    }

    private async Task<string?> LoadAsync(string path)
    {
        using FileStream content = LocalFile.Open(path, Name);
        string? failure = null;
        await client.LoadImagesAsync(content, quiet: true, [], step => failure ??= step.ErrorDetail?.Message);
        return failure;
    }

    private async Task<string> CompleteAsync()
    {
        string path = Path.Combine(folder, "whole.tar");
        using var sent = new ArchiveSource(file, tag: null, Name);
        using var whole = new ArchiveTarget(path, repository, Name);
        foreach (Part part in parts)
            await whole.PutBlobAsync(part.Blob, part.Omitted ?? sent, static _ => { });

        foreach ((RemoteDocument document, string? tag, bool isRoot) in documents)
            await whole.PutAsync(document, tag, isRoot);

        await whole.FinishAsync();
        return path;
    }

    // Omitted: where a blob is that the archive lacks.
    private sealed record Part(Descriptor Blob, IImageSource? Omitted);
}
