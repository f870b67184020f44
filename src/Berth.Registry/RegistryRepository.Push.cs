using System.Net.Http.Headers;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry.Transport;

namespace Berth.Registry;

public sealed partial class RegistryRepository
{
    /// <summary>Makes the repository have a blob: it is sent only when it is neither there nor to be had from another repository of the registry.</summary>
    /// <param name="blob">Its digest and size.</param>
    /// <param name="open">Opens the blob's bytes from an offset on; called again after a broken connection.</param>
    /// <param name="mountFrom">Paths of repositories of this registry that may have it.</param>
    /// <param name="sent">Told how many bytes were sent, in total.</param>
    /// <param name="cancellationToken">Ends it; what was sent is left to the registry to clean up.</param>
    /// <exception cref="EngineException">Unauthorized; Forbidden; Unavailable.</exception>
    public async Task<BlobPush> PushBlobAsync(Descriptor blob, Func<long, Stream> open, IReadOnlyList<string> mountFrom, Action<long>? sent, CancellationToken cancellationToken)
    {
        if (await HasBlobAsync(blob.Digest, cancellationToken))
        {
            return new BlobPush(BlobPushOutcome.Existed, null);
        }

        string subject = $"blob {blob.Digest} to {Name.Repository}";
        RegistryChannel channel = await client.ChannelAsync(Name.Domain, credential, cancellationToken);
        foreach (string from in mountFrom)
        {
            var mount = new RegistryCall(HttpMethod.Post, new Uri(channel.Endpoint.At(Name.Path, "blobs/uploads/"), $"?mount={blob.Digest}&from={Uri.EscapeDataString(from)}"), subject)
            {
                Scopes = [.. PushScope, $"repository:{from}:pull"],
            };
            using RegistryAnswer mounted = await channel.RequireAsync(mount, cancellationToken);
            if (mounted.Status == 201)
            {
                return new BlobPush(BlobPushOutcome.Mounted, from);
            }
        }

        using RegistryAnswer begun = await channel.RequireAsync(new RegistryCall(HttpMethod.Post, channel.Endpoint.At(Name.Path, "blobs/uploads/"), subject) { Scopes = PushScope }, cancellationToken);
        var location = new Uri(begun.Uri, begun.Message.Headers.Location ?? throw new EngineException(ErrorKind.Unavailable, $"{subject}: the registry names no place to send it to"));
        var put = new Uri(location.AbsoluteUri + (location.Query.Length > 0 ? "&" : "?") + "digest=" + Uri.EscapeDataString(blob.Digest.ToString()));
        using RegistryAnswer done = await channel.RequireAsync(
            new RegistryCall(HttpMethod.Put, put, subject)
            {
                Scopes = PushScope,
                Content = () => new StreamContent(open(0)) { Headers = { ContentLength = blob.Size, ContentType = new MediaTypeHeaderValue("application/octet-stream") } },
            },
            cancellationToken);
        sent?.Invoke(blob.Size);
        return new BlobPush(BlobPushOutcome.Uploaded, null);
    }

    /// <summary>Sends a manifest or index; what it refers to has to be there.</summary>
    /// <returns>Its digest, which the registry confirmed.</returns>
    /// <exception cref="EngineException">Unauthorized; Forbidden; InvalidArgument; Unavailable.</exception>
    public async Task<Digest> PushManifestAsync(string tagOrDigest, string mediaType, ReadOnlyMemory<byte> document, CancellationToken cancellationToken)
    {
        string subject = $"manifest for {Refer(tagOrDigest)}";
        RegistryChannel channel = await client.ChannelAsync(Name.Domain, credential, cancellationToken);
        using RegistryAnswer answer = await channel.RequireAsync(
            new RegistryCall(HttpMethod.Put, channel.Endpoint.At(Name.Path, "manifests/" + tagOrDigest), subject)
            {
                Scopes = PushScope,
                Content = () => new ReadOnlyMemoryContent(document) { Headers = { ContentType = new MediaTypeHeaderValue(mediaType) } },
            },
            cancellationToken);
        Digest own = Digest.Of(document.Span);
        return !Digest.TryParse(answer.Header("Docker-Content-Digest"), out Digest told) || told == own
            ? own
            : throw new EngineException(ErrorKind.Unavailable, $"{subject}: the registry stored it as {told}, sent was {own}");
    }

    /// <summary>Deletes a manifest and with it all its tags.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; Forbidden; InvalidArgument where the registry does not allow deletion; Unavailable.</exception>
    public async Task DeleteManifestAsync(Digest digest, CancellationToken cancellationToken)
    {
        RegistryChannel channel = await client.ChannelAsync(Name.Domain, credential, cancellationToken);
        var call = new RegistryCall(HttpMethod.Delete, channel.Endpoint.At(Name.Path, "manifests/" + digest), $"manifest for {Refer(digest.ToString())}") { Scopes = [$"repository:{Name.Path}:pull,push,delete"] };
        using RegistryAnswer answer = await channel.RequireAsync(call, cancellationToken);
    }

    private string[] PushScope => [$"repository:{Name.Path}:pull,push"];
}
