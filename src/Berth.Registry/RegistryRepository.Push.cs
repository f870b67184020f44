using System.Net.Http.Headers;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry.Push;
using Berth.Registry.Transport;

namespace Berth.Registry;

public sealed partial class RegistryRepository
{
    private string[] PushScope => [$"repository:{Name.Path}:pull,push"];

    /// <summary>Makes the repository have a blob: it is sent only when it is neither there nor to be had from another repository of the registry.</summary>
    /// <param name="blob">Its digest and size; the registry checks both.</param>
    /// <param name="open">Opens the blob's bytes from an offset on; called again after a broken connection, and with 0 when the registry has lost them.</param>
    /// <param name="mountFrom">Paths of repositories of this registry that may have it.</param>
    /// <param name="sent">Told how many bytes of the blob were sent; begins anew where the sending does.</param>
    /// <param name="cancellationToken">Ends it; what was sent is left to the registry to clean up.</param>
    /// <exception cref="EngineException">Unauthorized; Forbidden; Unavailable; the failure of reading what <paramref name="open"/> opened.</exception>
    public async Task<BlobPush> PushBlobAsync(Descriptor blob, Func<long, Stream> open, IReadOnlyList<string> mountFrom, Action<long>? sent, CancellationToken cancellationToken)
    {
        RegistryChannel channel = await OwnAsync(cancellationToken);
        string subject = $"blob {blob.Digest} to {Name.Repository}";
        if (await HasBlobAsync(channel, Name.Path, blob.Digest, subject, PushScope, cancellationToken))
        {
            return new BlobPush(BlobPushOutcome.Existed, null);
        }

        var upload = new BlobUpload(channel, Name.Path, blob, open, sent, subject);
        Uri? place = null;
        foreach (string from in mountFrom.Where(from => from != Name.Path))
        {
            (bool isMounted, Uri? offered) = await upload.MountAsync(from, cancellationToken);
            if (place is not null && (isMounted || offered is not null))
            {
                await upload.CancelAsync(place, cancellationToken);
                place = null;
            }

            if (isMounted)
            {
                return new BlobPush(BlobPushOutcome.Mounted, from);
            }

            place ??= offered;
        }

        await upload.SendAsync(place, () => HasBlobAsync(channel, Name.Path, blob.Digest, subject, PushScope, cancellationToken), cancellationToken);
        return new BlobPush(BlobPushOutcome.Uploaded, null);
    }

    /// <summary>Sends a manifest or index; what it refers to has to be there.</summary>
    /// <returns>Its digest.</returns>
    /// <exception cref="EngineException">Unauthorized; Forbidden; InvalidArgument; Unavailable, also when the registry stored it under another digest.</exception>
    public async Task<Digest> PushManifestAsync(string tagOrDigest, string mediaType, ReadOnlyMemory<byte> document, CancellationToken cancellationToken)
    {
        RequireReference(tagOrDigest);
        string subject = SubjectOf(tagOrDigest);
        Digest digest = Digest.Of(document.Span);
        if (Digest.TryParse(tagOrDigest, out Digest named) && named != digest)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{subject}: the document has the digest {digest}");
        }

        RegistryChannel channel = await OwnAsync(cancellationToken);
        using RegistryAnswer answer = await channel.RequireAsync(
            new RegistryCall(HttpMethod.Put, channel.Endpoint.At(Name.Path, "manifests/" + tagOrDigest), subject)
            {
                Scopes = PushScope,
                Content = () => new ReadOnlyMemoryContent(document) { Headers = { ContentType = new MediaTypeHeaderValue(mediaType) } },
            },
            cancellationToken);
        return !Digest.TryParse(answer.Header("Docker-Content-Digest"), out Digest told) || told == digest
            ? digest
            : throw new EngineException(ErrorKind.Unavailable, $"{subject}: the registry stored it as {told}, sent was {digest}");
    }

    /// <summary>Deletes a manifest and with it all its tags.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; Forbidden; InvalidArgument where the registry does not allow deletion; Unavailable.</exception>
    public async Task DeleteManifestAsync(Digest digest, CancellationToken cancellationToken)
    {
        RegistryChannel channel = await OwnAsync(cancellationToken);
        var call = new RegistryCall(HttpMethod.Delete, channel.Endpoint.At(Name.Path, "manifests/" + digest), SubjectOf(digest.ToString()))
        {
            Scopes = [$"repository:{Name.Path}:delete,pull,push"],
        };
        using RegistryAnswer answer = await channel.RequireAsync(call, cancellationToken);
    }
}
