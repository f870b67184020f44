using System.Globalization;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry.Transport;

namespace Berth.Registry.Push;

/// <summary>Sends one blob (distribution specification, "Pushing blobs"): a small one in one request, a large one streamed; what broke off goes on where the registry says it is, or anew.</summary>
internal sealed class BlobUpload(RegistryChannel channel, string repository, Descriptor blob, Func<long, Stream> open, Action<long>? sent, string subject)
{
    private const long MostAtOnce = 16 << 20;
    private readonly string[] scopes = [$"repository:{repository}:pull,push"];

    /// <summary>Takes the blob over from another repository of the registry.</summary>
    /// <returns>Whether that worked, and otherwise the place to send it to, where the registry named one.</returns>
    public async Task<(bool IsMounted, Uri? Place)> MountAsync(string from, CancellationToken cancellationToken)
    {
        try
        {
            using RegistryAnswer answer = await channel.SendAsync(
                new RegistryCall(HttpMethod.Post, UploadsAt($"?mount={Uri.EscapeDataString(blob.Digest.ToString())}&from={Uri.EscapeDataString(from)}"), subject)
                {
                    Scopes = [.. scopes, $"repository:{from}:pull"],
                },
                cancellationToken);
            return (answer.Status == 201, answer.Status == 202 ? PlaceOf(answer) : null);
        }
        catch (EngineException e) when (e.Kind is ErrorKind.Unauthorized or ErrorKind.Forbidden or ErrorKind.NotFound)
        {
            return (false, null); // one who may not read there sends it
        }
    }

    /// <summary>Gives up a place that is not needed. Registries clean up by themselves, too: nothing depends on it.</summary>
    public async Task CancelAsync(Uri place, CancellationToken cancellationToken)
    {
        try
        {
            using RegistryAnswer answer = await channel.SendAsync(new RegistryCall(HttpMethod.Delete, place, subject) { Scopes = scopes, Attempts = 1 }, cancellationToken);
        }
        catch (EngineException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Unauthorized)
        {
            return;
        }
    }

    /// <summary>Sends it.</summary>
    /// <param name="place">Where to, if that is known already.</param>
    /// <param name="exists">Asks whether the registry has it: an answer may have been lost.</param>
    /// <exception cref="EngineException">As the registry says; Unavailable after too many connections without progress.</exception>
    public async Task SendAsync(Uri? place, Func<Task<bool>> exists, CancellationToken cancellationToken)
    {
        long offset = 0;
        for (int failures = 1; ; failures++)
        {
            place ??= await BeginAsync(cancellationToken);
            TimeSpan? pause = channel.Patience.PauseAfter(failures);
            EngineException failure;
            try
            {
                using RegistryAnswer answer = await SendRestAsync(place, offset, cancellationToken);
                if (answer.IsSuccess)
                {
                    RequireDigest(answer);
                    return;
                }

                failure = (await RegistryFailure.ReadAsync(answer, cancellationToken)).ToException(subject);
                bool mayPass = Patience.IsPassing(answer.Status) || answer.Status is 404 or 416;
                pause = mayPass ? channel.Patience.PauseAfter(failures, answer.Message) : null;
            }
            catch (UnreachableException e)
            {
                failure = RegistryErrors.Unreachable(new RegistryCall(HttpMethod.Patch, e.Uri, subject), e);
            }

            if (pause is null || failures >= channel.Patience.Attempts)
            {
                throw failure;
            }

            await Task.Delay(pause.Value, cancellationToken);
            if (await exists())
            {
                return;
            }

            long before = offset;
            (place, offset) = await FindAsync(place!, cancellationToken); // begun above
            failures = offset > before ? 0 : failures;
        }
    }

    // The last answer of the requests that it takes; a failure of an earlier one is the last.
    private async Task<RegistryAnswer> SendRestAsync(Uri place, long offset, CancellationToken cancellationToken)
    {
        if (offset == 0 && blob.Size <= MostAtOnce)
        {
            return await channel.AttemptAsync(new RegistryCall(HttpMethod.Put, WithDigest(place), subject) { Scopes = scopes, Content = () => new BlobContent(open, 0, blob.Size, sent) }, cancellationToken);
        }

        if (offset < blob.Size)
        {
            RegistryAnswer patched = await channel.AttemptAsync(new RegistryCall(HttpMethod.Patch, place, subject) { Scopes = scopes, Content = () => MakeRest(offset) }, cancellationToken);
            if (!patched.IsSuccess)
            {
                return patched;
            }

            using (patched)
            {
                place = PlaceOf(patched);
            }
        }

        return await channel.AttemptAsync(new RegistryCall(HttpMethod.Put, WithDigest(place), subject) { Scopes = scopes, Content = static () => new ByteArrayContent([]) }, cancellationToken);
    }

    private BlobContent MakeRest(long offset)
    {
        var content = new BlobContent(open, offset, blob.Size, sent);
        if (offset > 0)
        {
            content.Headers.TryAddWithoutValidation("Content-Range", string.Create(CultureInfo.InvariantCulture, $"{offset}-{blob.Size - 1}"));
        }

        return content;
    }

    private async Task<Uri> BeginAsync(CancellationToken cancellationToken)
    {
        using RegistryAnswer answer = await channel.RequireAsync(new RegistryCall(HttpMethod.Post, UploadsAt(""), subject) { Scopes = scopes, Content = static () => new ByteArrayContent([]) }, cancellationToken);
        return PlaceOf(answer);
    }

    // How far an upload is: "Range: 0-123"; "0-0" says nothing for certain. A registry that does not know any more gets it anew.
    private async Task<(Uri? Place, long Offset)> FindAsync(Uri place, CancellationToken cancellationToken)
    {
        using RegistryAnswer answer = await channel.SendAsync(new RegistryCall(HttpMethod.Get, place, subject) { Scopes = scopes }, cancellationToken);
        string[] range = (answer.Header("Range") ?? "").Replace("bytes=", "", StringComparison.Ordinal).Split('-');
        bool isKnown = answer.IsSuccess && range is ["0", var last] && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out long _);
        long offset = isKnown ? long.Parse(range[1], NumberStyles.None, CultureInfo.InvariantCulture) + 1 : 0;
        return offset is > 1 && offset <= blob.Size ? (answer.Message.Headers.Location is null ? place : PlaceOf(answer), offset) : (null, 0);
    }

    private Uri UploadsAt(string query) => new(channel.Endpoint.At(repository, "blobs/uploads/") + query);

    /// <summary>The place that an answer names; relative ones are of the host that answered. A registry behind a proxy that ends its TLS may call itself http: it stays https.</summary>
    private Uri PlaceOf(RegistryAnswer answer)
    {
        Uri location = answer.Message.Headers.Location ?? throw new EngineException(ErrorKind.Unavailable, $"{subject}: {answer.Uri.Authority} names no place to send it to");
        var place = Addresses.Resolve(answer.Uri, location, subject);
        if (place.Scheme == answer.Uri.Scheme || place.Scheme == "https")
        {
            return place;
        }

        return place.Scheme == "http" && place.IdnHost == answer.Uri.IdnHost
            ? new UriBuilder(place) { Scheme = "https", Port = place.IsDefaultPort ? answer.Uri.Port : place.Port }.Uri
            : throw new EngineException(ErrorKind.Unavailable, $"{subject}: {answer.Uri.Authority} wants it sent in plain text to {place.Authority}, which is not done");
    }

    private Uri WithDigest(Uri place) => new(place.AbsoluteUri + (place.Query.Length > 0 ? "&" : "?") + "digest=" + Uri.EscapeDataString(blob.Digest.ToString()));

    private void RequireDigest(RegistryAnswer answer)
    {
        if (Digest.TryParse(answer.Header("Docker-Content-Digest"), out Digest told) && told != blob.Digest)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject}: the registry stored it as {told}");
        }
    }
}
