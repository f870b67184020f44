using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry.Pull;
using Berth.Registry.Transport;

namespace Berth.Registry;

/// <summary>One repository of a registry. Failures are <see cref="EngineException"/>s that name registry, repository and tag or digest.</summary>
public sealed partial class RegistryRepository
{
    private static readonly string[] ManifestTypes = [MediaTypes.OciManifest, MediaTypes.OciIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList];
    private const int MaxTagPage = 4 << 20;
    private const int MaxTags = 1_000_000;
    private readonly RegistryClient client;
    private readonly RegistryOptions options;
    private readonly RegistryCredential credential;

    internal RegistryRepository(RegistryClient client, RegistryOptions options, ImageReference name, RegistryCredential credential)
    {
        this.client = client;
        this.options = options;
        this.credential = credential;
        Name = name;
    }

    /// <summary>The name it was opened with.</summary>
    public ImageReference Name { get; }

    private string[] PullScope => [$"repository:{Name.Path}:pull"];

    /// <summary>A manifest or index by tag or digest, at most 8 MiB; by digest it is checked.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; TooLarge; InvalidArgument for a document that is two things at once; Unavailable.</exception>
    public async Task<RemoteDocument> GetManifestAsync(string tagOrDigest, CancellationToken cancellationToken)
    {
        string subject = $"manifest for {Refer(tagOrDigest)}";
        RegistryChannel channel = await client.ChannelAsync(Name.Domain, credential, cancellationToken);
        using RegistryAnswer answer = await channel.SendAsync(
            new RegistryCall(HttpMethod.Get, channel.Endpoint.At(Name.Path, "manifests/" + tagOrDigest), subject) { Accept = ManifestTypes, Scopes = PullScope }, cancellationToken);
        if (!answer.IsSuccess)
        {
            throw await RegistryErrors.ReadAsync(answer, answer.Status == 404 ? subject + " not found" : subject, cancellationToken);
        }

        byte[] content = await BoundedBody.ReadAsync(
            await answer.OpenAsync(cancellationToken), answer.Message.Content.Headers.ContentLength, ImageDocuments.MaxDocument, subject, cancellationToken);
        Digest digest = Digest.Of(content);
        if (Digest.TryParse(tagOrDigest, out Digest wanted) && wanted != digest)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject}: the registry sent another document, {digest}");
        }

        ImageDocumentKind kind = ImageDocuments.KindOf(content, answer.Message.Content.Headers.ContentType?.MediaType, subject);
        string? own = kind == ImageDocumentKind.Index ? ImageDocuments.ReadIndex(content, subject).MediaType : ImageDocuments.ReadManifest(content, subject).MediaType;
        string fallback = kind == ImageDocumentKind.Index ? MediaTypes.OciIndex : MediaTypes.OciManifest;
        string? told = answer.Message.Content.Headers.ContentType?.MediaType;
        return new RemoteDocument(digest, own ?? (MediaTypes.IsIndex(told) || MediaTypes.IsManifest(told) ? told! : fallback), content);
    }

    /// <summary>A blob's bytes from <see cref="BlobRead.Offset"/> on, in order, exactly as many as the descriptor says.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; Unavailable; also from reading: a wrong length or digest.</exception>
    public async Task<Stream> OpenBlobAsync(Descriptor blob, BlobRead read, CancellationToken cancellationToken)
    {
        string subject = $"blob {blob.Digest} of {Name.Repository}";
        RegistryChannel channel = await client.ChannelAsync(Name.Domain, credential, cancellationToken);
        RegistryAnswer answer = await channel.SendAsync(
            new RegistryCall(HttpMethod.Get, channel.Endpoint.At(Name.Path, "blobs/" + blob.Digest), subject)
            {
                Scopes = PullScope,
                Range = read.Offset > 0 ? (read.Offset, null) : null,
            },
            cancellationToken);
        if (!answer.IsSuccess)
        {
            using (answer)
            {
                throw await RegistryErrors.ReadAsync(answer, subject, cancellationToken);
            }
        }

        return new BlobStream(await answer.OpenAsync(cancellationToken), blob, read, subject);
    }

    /// <summary>What a tag or digest names, without fetching it; null when it is not there.</summary>
    /// <exception cref="EngineException">Unauthorized; Unavailable.</exception>
    public async Task<Descriptor?> FindManifestAsync(string tagOrDigest, CancellationToken cancellationToken)
    {
        RegistryChannel channel = await client.ChannelAsync(Name.Domain, credential, cancellationToken);
        var call = new RegistryCall(HttpMethod.Head, channel.Endpoint.At(Name.Path, "manifests/" + tagOrDigest), $"manifest for {Refer(tagOrDigest)}") { Accept = ManifestTypes, Scopes = PullScope };
        using RegistryAnswer answer = await channel.SendAsync(call, cancellationToken);
        if (answer.Status == 404)
        {
            return null;
        }

        if (!answer.IsSuccess)
        {
            throw await RegistryErrors.ReadAsync(answer, call.Subject, cancellationToken);
        }

        string? type = answer.Message.Content.Headers.ContentType?.MediaType;
        if (Digest.TryParse(answer.Header("Docker-Content-Digest"), out Digest digest) && type is not null && answer.Message.Content.Headers.ContentLength is { } size)
        {
            return new Descriptor { MediaType = type, Digest = digest, Size = size };
        }

        RemoteDocument document = await GetManifestAsync(tagOrDigest, cancellationToken);
        return new Descriptor { MediaType = document.MediaType, Digest = document.Digest, Size = document.Content.Length };
    }

    /// <summary>Whether the repository has a blob.</summary>
    /// <exception cref="EngineException">Unauthorized; Unavailable.</exception>
    public async Task<bool> HasBlobAsync(Digest blob, CancellationToken cancellationToken)
    {
        RegistryChannel channel = await client.ChannelAsync(Name.Domain, credential, cancellationToken);
        var call = new RegistryCall(HttpMethod.Head, channel.Endpoint.At(Name.Path, "blobs/" + blob), $"blob {blob} of {Name.Repository}") { Scopes = PullScope };
        using RegistryAnswer answer = await channel.SendAsync(call, cancellationToken);
        return answer.Status != 404 && (answer.IsSuccess ? true : throw await RegistryErrors.ReadAsync(answer, call.Subject, cancellationToken));
    }

    /// <summary>All tags, in the registry's order.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; Unavailable; TooLarge.</exception>
    public async Task<IReadOnlyList<string>> ListTagsAsync(CancellationToken cancellationToken)
    {
        string subject = $"tags of {Name.Repository}";
        RegistryChannel channel = await client.ChannelAsync(Name.Domain, credential, cancellationToken);
        List<string> tags = [];
        for (Uri? next = channel.Endpoint.At(Name.Path, "tags/list"); next is not null;)
        {
            using RegistryAnswer answer = await channel.RequireAsync(new RegistryCall(HttpMethod.Get, next, subject) { Scopes = PullScope }, cancellationToken);
            byte[] body = await BoundedBody.ReadAsync(await answer.OpenAsync(cancellationToken), answer.Message.Content.Headers.ContentLength, MaxTagPage, subject, cancellationToken);
            tags.AddRange(JsonSerializer.Deserialize(body, SearchJsonContext.Default.TagList)?.Tags ?? []);
            next = NextPage(channel.Endpoint, next, answer.Header("Link"));
            if (tags.Count > MaxTags)
            {
                throw new EngineException(ErrorKind.TooLarge, $"{subject}: there are more than {MaxTags}");
            }
        }

        return tags;
    }

    // Link: </v2/name/tags/list?last=x&n=100>; rel="next"
    private static Uri? NextPage(RegistryEndpoint endpoint, Uri from, string? link)
    {
        int start = link?.IndexOf('<', StringComparison.Ordinal) ?? -1;
        int end = link?.IndexOf('>', StringComparison.Ordinal) ?? -1;
        return start >= 0 && end > start && Uri.TryCreate(from, link![(start + 1)..end], out Uri? next) && endpoint.IsOriginOf(next) && next != from ? next : null;
    }

    internal string Refer(string tagOrDigest) => Name.FamiliarRepository + (tagOrDigest.Contains(':', StringComparison.Ordinal) ? "@" : ":") + tagOrDigest;
}
