using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry.Pull;
using Berth.Registry.Transport;

namespace Berth.Registry;

/// <summary>One repository of a registry. Failures are <see cref="EngineException"/>s that name registry, repository and tag or digest.</summary>
public sealed class RegistryRepository
{
    private static readonly string[] ManifestTypes = [MediaTypes.OciManifest, MediaTypes.OciIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList];
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

    internal string Refer(string tagOrDigest) => Name.FamiliarRepository + (tagOrDigest.Contains(':', StringComparison.Ordinal) ? "@" : ":") + tagOrDigest;
}
