using System.Net.Http.Headers;
using Berth.Model;
using Berth.Registry.Auth;
using Berth.Registry.Push;

namespace Berth.Registry.Transport;

/// <summary>Talks to one endpoint as one user: authentication, redirects, repetition. Safe for concurrent use.</summary>
internal sealed class RegistryChannel(RegistryEndpoint endpoint, RegistryConnections connections, HostRules hosts, RegistryOptions options, Authorizer authorizer)
{
    private const int MaxRedirects = 5;
    private const int MaxChallenges = 2;
    private static readonly TimeSpan Avoided = TimeSpan.FromSeconds(60);
    private readonly Patience patience = new(options);
    private volatile bool hasAnswered;
    private long avoidedUntil;

    public RegistryEndpoint Endpoint { get; } = endpoint;

    /// <summary>How attempts are counted and paused.</summary>
    public Patience Patience => patience;

    /// <summary>Whether it failed a short while ago, so that another is to be preferred.</summary>
    public bool IsAvoided => Environment.TickCount64 < Volatile.Read(ref avoidedUntil);

    /// <summary>Lets others be preferred for a while.</summary>
    public void Avoid() => Volatile.Write(ref avoidedUntil, Environment.TickCount64 + (long)Avoided.TotalMilliseconds);

    /// <summary>Sends the call and returns the answer to it, whatever its status; only what cannot be had at all throws.</summary>
    /// <exception cref="EngineException">Unavailable; Unauthorized when a token cannot be had; the failure of a body's source as it is.</exception>
    public async Task<RegistryAnswer> SendAsync(RegistryCall call, CancellationToken cancellationToken)
    {
        int attempts = call.Attempts ?? patience.Attempts;
        for (int failures = 1; ; failures++)
        {
            TimeSpan? pause;
            try
            {
                RegistryAnswer answer = await AttemptAsync(call, cancellationToken);
                hasAnswered = true;
                pause = failures < attempts && Patience.IsPassing(answer.Status) ? patience.PauseAfter(failures, answer.Message) : null;
                if (pause is null)
                {
                    return answer;
                }

                answer.Dispose();
            }
            catch (UnreachableException e)
            {
                bool mayPass = hasAnswered || Patience.IsPassing(e);
                if (failures >= attempts || !mayPass)
                {
                    throw RegistryErrors.Unreachable(call, e);
                }

                pause = patience.PauseAfter(failures);
            }

            await Task.Delay(pause.Value, cancellationToken);
        }
    }

    /// <summary>Sends the call; everything but success throws.</summary>
    /// <exception cref="EngineException">As the registry says it.</exception>
    public async Task<RegistryAnswer> RequireAsync(RegistryCall call, CancellationToken cancellationToken)
    {
        RegistryAnswer answer = await SendAsync(call, cancellationToken);
        if (answer.IsSuccess)
        {
            return answer;
        }

        using (answer)
        {
            throw (await RegistryFailure.ReadAsync(answer, cancellationToken)).ToException(call.Subject);
        }
    }

    /// <summary>A whole body that has to fit into memory; one that breaks off is fetched again.</summary>
    /// <param name="call">The request.</param>
    /// <param name="limit">The most bytes that are taken.</param>
    /// <param name="explain">The failure that an answer without success stands for.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="look">Shown the answer's head.</param>
    /// <returns>The body and its media type.</returns>
    /// <exception cref="EngineException">What <paramref name="explain"/> makes of the answer; TooLarge; Unavailable.</exception>
    public async Task<(byte[] Content, string? MediaType)> ReadDocumentAsync(
        RegistryCall call, int limit, Func<RegistryFailure, EngineException> explain, CancellationToken cancellationToken, Action<RegistryAnswer>? look = null)
    {
        for (int failures = 1; ; failures++)
        {
            using RegistryAnswer answer = await SendAsync(call, cancellationToken);
            if (!answer.IsSuccess)
            {
                throw explain(await RegistryFailure.ReadAsync(answer, cancellationToken));
            }

            look?.Invoke(answer);
            try
            {
                return (await BoundedBody.ReadAsync(answer, limit, call.Subject, cancellationToken), answer.MediaType);
            }
            catch (Exception e) when (e is IOException or TimeoutException)
            {
                if (failures >= (call.Attempts ?? patience.Attempts))
                {
                    throw RegistryErrors.Unreachable(call, new UnreachableException(answer.Uri, e));
                }
            }

            await Task.Delay(patience.PauseAfter(failures), cancellationToken);
        }
    }

    /// <summary>Sends the call once (twice or thrice where the endpoint demands to know who asks).</summary>
    /// <exception cref="UnreachableException">There was no answer.</exception>
    /// <exception cref="EngineException">As <see cref="SendAsync"/>.</exception>
    public async Task<RegistryAnswer> AttemptAsync(RegistryCall call, CancellationToken cancellationToken)
    {
        for (int challenges = 0; ; challenges++)
        {
            AuthenticationHeaderValue? shown = await authorizer.HeaderAsync(call.Scopes, cancellationToken);
            RegistryAnswer answer = await FollowAsync(call, shown, cancellationToken);
            if (answer.Status != 401 || !Endpoint.IsOriginOf(answer.Uri) || challenges >= MaxChallenges || !authorizer.TakeChallenge(Challenge.Of(answer.Message), call.Scopes, shown))
            {
                return answer;
            }

            answer.Dispose();
        }
    }

    // Redirects are followed by hand: what identifies the user stays with the host it is for.
    private async Task<RegistryAnswer> FollowAsync(RegistryCall call, AuthenticationHeaderValue? authorization, CancellationToken cancellationToken)
    {
        Uri uri = call.Uri;
        for (int redirects = 0; ; redirects++)
        {
            HttpResponseMessage response = await SendOnceAsync(call, uri, authorization, cancellationToken);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || (call.Method != HttpMethod.Get && call.Method != HttpMethod.Head))
            {
                return new RegistryAnswer(response, options.StallLimit);
            }

            using (response)
            {
                uri = NextOf(call, uri, response.Headers.Location, redirects);
            }
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(RegistryCall call, Uri uri, AuthenticationHeaderValue? authorization, CancellationToken cancellationToken)
    {
        using HttpRequestMessage message = MakeMessage(call, uri);
        bool isOwn = Endpoint.IsOriginOf(uri);
        message.Headers.Authorization = isOwn ? authorization : null;
        bool isInsecure = isOwn ? Endpoint.IsInsecure : await hosts.IsInsecureAsync(uri, cancellationToken);
        try
        {
            return await connections.SendAsync(message, isInsecure, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException or IOException or EngineException)
        {
            if (message.Content is BlobContent { SourceFailure: { } failure })
            {
                throw failure;
            }

            if (e is EngineException)
            {
                throw;
            }

            throw new UnreachableException(uri, e);
        }
    }

    private static Uri NextOf(RegistryCall call, Uri from, Uri? location, int redirects)
    {
        if (location is null || redirects >= MaxRedirects)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{call.Subject}: {from.Authority} {(location is null ? "redirects to nowhere" : $"redirects more than {MaxRedirects} times")}");
        }

        var next = Addresses.Resolve(from, location, call.Subject);
        bool isAllowed = next.Scheme == "https" || (next.Scheme == "http" && from.Scheme == "http");
        return isAllowed
            ? next
            : throw new EngineException(ErrorKind.Unavailable, $"{call.Subject}: {from.Authority} redirects from {from.Scheme} to {next.Scheme} ({next.Authority}), which is not followed");
    }

    private static HttpRequestMessage MakeMessage(RegistryCall call, Uri uri)
    {
        var message = new HttpRequestMessage(call.Method, uri) { Content = call.Content?.Invoke() };
        foreach (string type in call.Accept)
        {
            message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
        }

        if (call.Range is var (first, last))
        {
            message.Headers.Range = new RangeHeaderValue(first, last);
        }

        return message;
    }
}
