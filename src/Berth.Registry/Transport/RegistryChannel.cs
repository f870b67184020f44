using System.Net.Http.Headers;
using Berth.Model;
using Berth.Registry.Auth;

namespace Berth.Registry.Transport;

/// <summary>Talks to one endpoint: authentication, redirects, repetition.</summary>
internal sealed class RegistryChannel(RegistryEndpoint endpoint, RegistryConnections connections, HostRules hosts, Authorizer authorizer)
{
    private const int MaxRedirects = 5;
    private const int MaxChallenges = 2;

    public RegistryEndpoint Endpoint { get; } = endpoint;

    /// <summary>Sends the call and returns the answer to it, whatever its status; only what cannot be had at all throws.</summary>
    /// <exception cref="EngineException">Unavailable, Unauthorized.</exception>
    public async Task<RegistryAnswer> SendAsync(RegistryCall call, CancellationToken cancellationToken)
    {
        for (int challenges = 0; ; challenges++)
        {
            AuthenticationHeaderValue? authorization = await authorizer.HeaderAsync(call.Scopes, cancellationToken);
            RegistryAnswer answer = await FollowAsync(call, authorization, cancellationToken);
            if (answer.Status != 401 || !Endpoint.IsOriginOf(answer.Uri) || challenges >= MaxChallenges)
            {
                return answer;
            }

            bool isWorthwhile = await authorizer.ChallengedAsync(Challenge.Parse(answer.Message.Headers.WwwAuthenticate.Select(static value => value.ToString())), authorization);
            if (!isWorthwhile)
            {
                return answer;
            }

            answer.Dispose();
        }
    }

    private async Task<RegistryAnswer> FollowAsync(RegistryCall call, AuthenticationHeaderValue? authorization, CancellationToken cancellationToken)
    {
        Uri uri = call.Uri;
        for (int redirects = 0; ; redirects++)
        {
            using HttpRequestMessage message = MakeMessage(call, uri);
            bool isOwn = Endpoint.IsOriginOf(uri);
            message.Headers.Authorization = isOwn ? authorization : null;
            bool isInsecure = isOwn ? Endpoint.IsInsecure : await hosts.IsInsecureAsync(uri, cancellationToken);
            HttpResponseMessage response;
            try
            {
                response = await connections.SendAsync(message, isInsecure, cancellationToken);
            }
            catch (Exception e) when (e is HttpRequestException or TimeoutException)
            {
                throw RegistryErrors.Unreachable(call, uri, e);
            }

            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || (call.Method != HttpMethod.Get && call.Method != HttpMethod.Head))
            {
                return new RegistryAnswer(response, uri);
            }

            using (response)
            {
                uri = NextOf(call, uri, response.Headers.Location, redirects);
            }
        }
    }

    /// <summary>Sends the call; everything but success throws.</summary>
    public async Task<RegistryAnswer> RequireAsync(RegistryCall call, CancellationToken cancellationToken)
    {
        RegistryAnswer answer = await SendAsync(call, cancellationToken);
        if (answer.IsSuccess)
        {
            return answer;
        }

        using (answer)
        {
            throw await RegistryErrors.ReadAsync(answer, call.Subject, cancellationToken);
        }
    }

    private static Uri NextOf(RegistryCall call, Uri from, Uri? location, int redirects)
    {
        if (location is null || redirects >= MaxRedirects)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{call.Subject}: {from.Authority} {(location is null ? "redirects to nowhere" : $"redirects more than {MaxRedirects} times")}");
        }

        var next = new Uri(from, location);
        bool isAllowed = next.Scheme == "https" || (next.Scheme == "http" && from.Scheme == "http");
        return isAllowed ? next : throw new EngineException(ErrorKind.Unavailable, $"{call.Subject}: {from.Authority} redirects from {from.Scheme} to {next.Scheme}, which is not followed");
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
