using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry.Pull;
using Berth.Registry.Transport;

namespace Berth.Registry;

/// <summary>
/// One repository of a registry, for one user and one operation: make a new one for the next. Failures are <see cref="EngineException"/>s that name registry,
/// repository and tag or digest. Safe for concurrent use.
/// </summary>
#pragma warning disable CA1001 // a semaphore whose wait handle is never asked for holds nothing
public sealed partial class RegistryRepository
#pragma warning restore CA1001
{
    private const int MaxTagPage = 4 << 20;
    private const int MaxTags = 1_000_000;
    private const int MaxTagPages = 10_000;
    private const long MaxTagText = 64 << 20;
    private static readonly string[] ManifestTypes = [MediaTypes.OciManifest, MediaTypes.OciIndex, MediaTypes.DockerManifest, MediaTypes.DockerManifestList];
    private readonly RegistryClient client;
    private readonly RegistryCredential credential;
    private readonly PullChannels pulls;
    private readonly SemaphoreSlim finding = new(1, 1);
    private volatile RegistryChannel? own;

    internal RegistryRepository(RegistryClient client, ImageReference name, RegistryCredential credential)
    {
        this.client = client;
        this.credential = credential;
        Name = name;
        pulls = new PullChannels(client.RuleOf(name.Domain), client.OpenAsync, OwnAsync, client.Options);
    }

    /// <summary>The name it was opened with.</summary>
    public ImageReference Name { get; }

    private string[] PullScope => [$"repository:{Name.Path}:pull"];

    /// <summary>A manifest or index by tag or digest, at most 8 MiB; by digest it is checked. Asked of mirrors first.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; TooLarge; InvalidArgument for what is neither tag nor digest, or a document that is two things at once; Unavailable.</exception>
    public async Task<RemoteDocument> GetManifestAsync(string tagOrDigest, CancellationToken cancellationToken)
    {
        RequireReference(tagOrDigest);
        string subject = SubjectOf(tagOrDigest);
        return await pulls.TryEachAsync(
            async channel =>
            {
                (byte[] content, string? told) = await channel.ReadDocumentAsync(
                    ManifestCall(HttpMethod.Get, channel, tagOrDigest), ImageDocuments.MaxDocument, failure => ManifestFailure(failure, tagOrDigest), cancellationToken);
                return Check(content, told, tagOrDigest, subject, channel.Endpoint);
            },
            cancellationToken);
    }

    /// <summary>What a tag or digest names, without fetching it; null when it is not there. Asked of mirrors first, as a pull would.</summary>
    /// <exception cref="EngineException">Unauthorized; InvalidArgument for what is neither tag nor digest; Unavailable.</exception>
    public async Task<Descriptor?> FindManifestAsync(string tagOrDigest, CancellationToken cancellationToken)
    {
        RequireReference(tagOrDigest);
        try
        {
            return await pulls.TryEachAsync(channel => FindManifestAsync(channel, tagOrDigest, cancellationToken), cancellationToken);
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    /// <summary>Whether the repository has a manifest or index; asked of the registry itself, as pushes want it.</summary>
    /// <exception cref="EngineException">Unauthorized; InvalidArgument for what is neither tag nor digest; Unavailable.</exception>
    public async Task<bool> HasManifestAsync(string tagOrDigest, CancellationToken cancellationToken)
    {
        RequireReference(tagOrDigest);
        RegistryChannel channel = await OwnAsync(cancellationToken);
        using RegistryAnswer answer = await channel.SendAsync(ManifestCall(HttpMethod.Head, channel, tagOrDigest), cancellationToken);
        return answer.Status != 404 && (answer.IsSuccess ? true : throw (await RegistryFailure.ReadAsync(answer, cancellationToken)).ToException(SubjectOf(tagOrDigest)));
    }

    /// <summary>
    /// A blob's bytes from <see cref="BlobRead.Offset"/> on, in order, exactly as many as the descriptor says; asked of mirrors first. A connection that breaks or stalls is
    /// replaced by another, large blobs come over several at once. What a mirror sends from the first byte on is checked in any case. The caller disposes the stream, and reads it from one place at a time.
    /// </summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; Unavailable; also from reading: a wrong length or digest, or too many broken connections.</exception>
    public async Task<Stream> OpenBlobAsync(Descriptor blob, BlobRead read, CancellationToken cancellationToken)
    {
        var source = new BlobSource(pulls, Name.Path, blob, $"blob {blob.Digest} of {Name.Repository}");
        return await BlobStream.OpenAsync(source, read, client.Options, client.Buffers, cancellationToken);
    }

    /// <summary>
    /// To be told when what <see cref="OpenBlobAsync"/> brought turned out not to be the blob (it cannot be unpacked, say): the mirrors that sent some of it are passed over
    /// for a while, so that the next attempt gets it from elsewhere.
    /// </summary>
    /// <returns>Host and port of those mirrors; none when it came from the registry itself.</returns>
    public IReadOnlyList<string> Reject(Digest blob) => pulls.Reject(blob);

    /// <summary>Whether the repository has a blob; asked of the registry itself.</summary>
    /// <exception cref="EngineException">Unauthorized; Unavailable.</exception>
    public async Task<bool> HasBlobAsync(Digest blob, CancellationToken cancellationToken)
    {
        RegistryChannel channel = await OwnAsync(cancellationToken);
        return await HasBlobAsync(channel, blob, PullScope, cancellationToken);
    }

    /// <summary>All tags, in the registry's order; asked of the registry itself.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; Unavailable, also for names that are no tags and for pages that go round in circles; TooLarge.</exception>
    public async Task<IReadOnlyList<string>> ListTagsAsync(CancellationToken cancellationToken)
    {
        string subject = $"tags of {Name.Repository}";
        RegistryChannel channel = await OwnAsync(cancellationToken);
        List<string> tags = [];
        Uri? next = channel.Endpoint.At(Name.Path, "tags/list");
        HashSet<string> seen = [];
        long text = 0;
        while (next is not null)
        {
            seen.Add(next.AbsoluteUri);
            if (tags.Count > MaxTags || text > MaxTagText || seen.Count > MaxTagPages)
            {
                throw new EngineException(ErrorKind.TooLarge, $"{subject}: there are more than {MaxTags}, {MaxTagText} characters or {MaxTagPages} pages of them");
            }

            string? link = null;
            var call = new RegistryCall(HttpMethod.Get, next, subject) { Scopes = PullScope };
            (byte[] body, _) = await channel.ReadDocumentAsync(call, MaxTagPage, failure => failure.ToException(subject), cancellationToken, answer => link = answer.Header("Link"));
            IReadOnlyList<string> page = ReadTags(body, subject);
            tags.AddRange(page);
            text += page.Sum(static tag => (long)tag.Length);
            next = NextPage(channel.Endpoint, next, link);
            if (next is not null && seen.Contains(next.AbsoluteUri))
            {
                // An empty page that names itself is how some end the list.
                next = page.Count == 0 ? null : throw new EngineException(ErrorKind.Unavailable, $"{subject}: {channel.Endpoint.Name} names a page as the next one that was read already");
            }
        }

        return tags;
    }

    internal string Refer(string tagOrDigest) => Name.FamiliarRepository + (tagOrDigest.Contains(':', StringComparison.Ordinal) ? "@" : ":") + tagOrDigest;

    private static RemoteDocument Check(byte[] content, string? told, string tagOrDigest, string subject, RegistryEndpoint endpoint)
    {
        Digest digest = Digest.Of(content);
        if (Digest.TryParse(tagOrDigest, out Digest wanted) && wanted != digest)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject}: what {endpoint.Name} sent has another digest, {digest}; it is thrown away");
        }

        bool isIndex = ImageDocuments.KindOf(content, told, subject) == ImageDocumentKind.Index;
        string? said = isIndex ? ImageDocuments.ReadIndex(content, subject).MediaType : ImageDocuments.ReadManifest(content, subject).MediaType;
        string known = MediaTypes.IsIndex(told) || MediaTypes.IsManifest(told) ? told! : isIndex ? MediaTypes.OciIndex : MediaTypes.OciManifest;
        return new RemoteDocument(digest, said ?? known, content);
    }

    private static IReadOnlyList<string> ReadTags(byte[] body, string subject)
    {
        IReadOnlyList<string?> tags;
        try
        {
            tags = JsonSerializer.Deserialize(body, AnswerJsonContext.Default.TagList)?.Tags ?? [];
        }
        catch (JsonException e)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject}: the answer cannot be read: {PrintableText.Of(e.Message)}", e);
        }

        foreach (string? tag in tags)
        {
            if (tag is null || !ImageReference.IsTag(tag))
            {
                throw new EngineException(ErrorKind.Unavailable, $"{subject}: the registry names \"{PrintableText.Of(tag)}\", which is no tag");
            }
        }

        return tags!; // none is null
    }

    // Link: </v2/name/tags/list?last=x&n=100>; rel="next"
    private static Uri? NextPage(RegistryEndpoint endpoint, Uri from, string? link)
    {
        int start = link?.IndexOf('<', StringComparison.Ordinal) ?? -1;
        int end = link?.IndexOf('>', StringComparison.Ordinal) ?? -1;
        return start >= 0 && end > start && Uri.TryCreate(from, link![(start + 1)..end], out Uri? next) && endpoint.IsOriginOf(next) ? next : null;
    }

    private static async Task<bool> HasBlobAsync(RegistryChannel channel, string path, Digest blob, string subject, string[] scopes, CancellationToken cancellationToken)
    {
        using RegistryAnswer answer = await channel.SendAsync(new RegistryCall(HttpMethod.Head, channel.Endpoint.At(path, "blobs/" + blob), subject) { Scopes = scopes }, cancellationToken);
        return answer.Status != 404 && (answer.IsSuccess ? true : throw (await RegistryFailure.ReadAsync(answer, cancellationToken)).ToException(subject));
    }

    private Task<bool> HasBlobAsync(RegistryChannel channel, Digest blob, string[] scopes, CancellationToken cancellationToken) =>
        HasBlobAsync(channel, Name.Path, blob, $"blob {blob} of {Name.Repository}", scopes, cancellationToken);

    private async Task<Descriptor?> FindManifestAsync(RegistryChannel channel, string tagOrDigest, CancellationToken cancellationToken)
    {
        using RegistryAnswer answer = await channel.SendAsync(ManifestCall(HttpMethod.Head, channel, tagOrDigest), cancellationToken);
        if (!answer.IsSuccess)
        {
            throw (await RegistryFailure.ReadAsync(answer, cancellationToken)).ToException(SubjectOf(tagOrDigest));
        }

        bool isKnown = MediaTypes.IsIndex(answer.MediaType) || MediaTypes.IsManifest(answer.MediaType);
        if (isKnown && Digest.TryParse(answer.Header("Docker-Content-Digest"), out Digest digest) && answer.Length is { } size)
        {
            return new Descriptor { MediaType = answer.MediaType!, Digest = digest, Size = size };
        }

        RemoteDocument document = await GetManifestAsync(tagOrDigest, cancellationToken);
        return new Descriptor { MediaType = document.MediaType, Digest = document.Digest, Size = document.Content.Length };
    }

    // What else stands in it would become part of the request's path: "../other/manifests/x" is another repository's.
    private static void RequireReference(string tagOrDigest)
    {
        if (!ImageReference.IsTag(tagOrDigest) && !Digest.TryParse(tagOrDigest, out _))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"\"{PrintableText.Of(tagOrDigest)}\" is neither a tag nor a digest");
        }
    }

    private string SubjectOf(string tagOrDigest) => $"manifest for {Refer(tagOrDigest)}";

    private RegistryCall ManifestCall(HttpMethod method, RegistryChannel channel, string tagOrDigest) =>
        new(method, channel.Endpoint.At(Name.Path, "manifests/" + tagOrDigest), SubjectOf(tagOrDigest))
        {
            Accept = ManifestTypes,
            Scopes = PullScope,
            Attempts = pulls.AttemptsOf(channel),
        };

    // In docker's words.
    private EngineException ManifestFailure(RegistryFailure failure, string tagOrDigest)
    {
        if (failure.IsDenied)
        {
            return new EngineException(
                ErrorKind.NotFound, $"pull access denied for {Name.FamiliarRepository}, repository does not exist or may require 'docker login': {failure.Text}");
        }

        return failure switch
        {
            { Status: 404 } when failure.Is("NAME_UNKNOWN") => new EngineException(ErrorKind.NotFound, $"repository {Name.FamiliarRepository} not found: {failure.Text}"),
            { Status: 404 } => new EngineException(ErrorKind.NotFound, $"{SubjectOf(tagOrDigest)} not found: {failure.Text}"),
            _ => failure.ToException(SubjectOf(tagOrDigest)),
        };
    }

    // Found once: an insecure registry has to be asked which way it speaks.
    private async Task<RegistryChannel> OwnAsync(CancellationToken cancellationToken)
    {
        if (own is { } known)
        {
            return known;
        }

        await finding.WaitAsync(cancellationToken);
        try
        {
            return own ??= await client.OpenAsync(Name.Domain, credential, cancellationToken);
        }
        finally
        {
            finding.Release();
        }
    }
}
