using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Model;
using Berth.Registry.Transport;

namespace Berth.Registry.Auth;

/// <summary>A bearer token and how long it may be used.</summary>
internal sealed record IssuedToken(string Token, DateTimeOffset Until);

/// <summary>What a token service answers (distribution, "Token Authentication Specification" and "Oauth2 Token Authentication").</summary>
internal sealed record TokenAnswer
{
    [JsonPropertyName("token")] public string? Token { get; init; }
    [JsonPropertyName("access_token")] public string? AccessToken { get; init; }
    [JsonPropertyName("refresh_token")] public string? RefreshToken { get; init; }
    [JsonPropertyName("expires_in")] public double? ExpiresIn { get; init; }
}

[JsonSerializable(typeof(TokenAnswer))]
internal sealed partial class TokenJsonContext : JsonSerializerContext;

/// <summary>Gets tokens for one endpoint from the place that it names. The credential goes there only when the way is encrypted, or the registry itself is one that may be spoken to in plain text.</summary>
internal sealed class TokenService(RegistryEndpoint endpoint, RegistryConnections connections, HostRules hosts, RegistryOptions options)
{
    private const int MaxAnswer = 1 << 20;
    private const int MaxRedirects = 3;
    private static readonly TimeSpan ShortestLife = TimeSpan.FromSeconds(60); // also what counts when the service says nothing
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);
    private readonly Patience patience = new(options);

    /// <summary>Whether tokens are asked for to log in: then for an identity token as well.</summary>
    public bool IsLogin { get; init; }

    /// <summary>The identity token that came with the last answer, or empty.</summary>
    public string IdentityToken { get; private set; } = "";

    private RegistryCredential Credential => endpoint.Credential;

    /// <summary>Gets a token for all the scopes.</summary>
    /// <exception cref="EngineException">Unauthorized, with the service's words; Unavailable; Forbidden when the service may not be asked.</exception>
    public async Task<IssuedToken> FetchAsync(Challenge bearer, IReadOnlyList<string> scopes, CancellationToken cancellationToken)
    {
        Uri realm = await RequireRealmAsync(bearer["realm"], cancellationToken);
        string subject = $"token for registry {endpoint.Name} from {realm.Authority}";
        DateTimeOffset asked = DateTimeOffset.UtcNow;
        using RegistryAnswer answer = await SendAsync(realm, bearer["service"], scopes, subject, cancellationToken);
        if (!answer.IsSuccess)
        {
            RegistryFailure failure = await RegistryFailure.ReadAsync(answer, cancellationToken);
            throw new EngineException(failure.Kind is ErrorKind.InvalidArgument or ErrorKind.Forbidden or ErrorKind.NotFound ? ErrorKind.Unauthorized : failure.Kind, $"{subject}: {failure.Text}");
        }

        TokenAnswer issued = await ReadAsync(answer, subject, cancellationToken);
        IdentityToken = issued.RefreshToken ?? "";
        string token = issued.Token is { Length: > 0 } first ? first : issued.AccessToken ?? "";
        if (token.Length == 0 || token.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject}: the answer has no token that can be sent");
        }

        TimeSpan life = issued.ExpiresIn is > 60 and < 1e7 ? TimeSpan.FromSeconds(issued.ExpiresIn.Value) : ShortestLife;
        return new IssuedToken(token, asked + life - Margin);
    }

    private static async Task<TokenAnswer> ReadAsync(RegistryAnswer answer, string subject, CancellationToken cancellationToken)
    {
        try
        {
            byte[] body = await BoundedBody.ReadAsync(answer, MaxAnswer, subject, cancellationToken);
            return JsonSerializer.Deserialize(body, TokenJsonContext.Default.TokenAnswer) ?? new TokenAnswer();
        }
        catch (Exception e) when (e is JsonException or IOException or TimeoutException)
        {
            // Not the text itself, and not the parser's words: a token may be in them.
            throw new EngineException(ErrorKind.Unavailable, $"{subject}: the answer cannot be read{(e is JsonException ? "" : ": " + e.Message)}");
        }
    }

    private async Task<Uri> RequireRealmAsync(string? realm, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(realm, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("https" or "http") || uri.UserInfo.Length > 0)
        {
            throw new EngineException(ErrorKind.Unavailable, $"registry {endpoint.Name} demands a token, but names no place to get it from");
        }

        bool isAllowed = uri.Scheme == "https" || (endpoint.IsInsecure && (endpoint.IsOriginOf(uri) || await hosts.IsInsecureAsync(uri, cancellationToken)));
        return isAllowed
            ? uri
            : throw new EngineException(ErrorKind.Forbidden, $"registry {endpoint.Name} names a token service that is spoken to in plain text ({uri.Authority}): no credential is sent there");
    }

    private async Task<RegistryAnswer> SendAsync(Uri realm, string? service, IReadOnlyList<string> scopes, string subject, CancellationToken cancellationToken)
    {
        for (int failures = 1; ; failures++)
        {
            TimeSpan? pause;
            try
            {
                HttpResponseMessage answer = await FollowAsync(realm, service, scopes, subject, cancellationToken);
                pause = failures < patience.Attempts && Patience.IsPassing((int)answer.StatusCode) ? patience.PauseAfter(failures, answer) : null;
                if (pause is null)
                {
                    return new RegistryAnswer(answer, options.StallLimit);
                }

                answer.Dispose();
            }
            catch (Exception e) when (e is HttpRequestException or TimeoutException or IOException)
            {
                if (failures >= patience.Attempts || !Patience.IsPassing(e))
                {
                    throw RegistryErrors.Unreachable(new RegistryCall(HttpMethod.Get, realm, subject), new UnreachableException(realm, e));
                }

                pause = patience.PauseAfter(failures);
            }

            await Task.Delay(pause.Value, cancellationToken);
        }
    }

    // Followed within the service's own host only: the credential is in the request.
    private async Task<HttpResponseMessage> FollowAsync(Uri realm, string? service, IReadOnlyList<string> scopes, string subject, CancellationToken cancellationToken)
    {
        Uri uri = realm;
        for (int redirects = 0; ; redirects++)
        {
            using HttpRequestMessage message = MakeRequest(uri, service, scopes, redirects > 0);
            HttpResponseMessage answer = await connections.SendAsync(message, await hosts.IsInsecureAsync(uri, cancellationToken), cancellationToken);
            if ((int)answer.StatusCode is not (301 or 302 or 303 or 307 or 308))
            {
                return answer;
            }

            using (answer)
            {
                Uri? next = answer.Headers.Location is { } location ? Addresses.Resolve(uri, location, subject) : null;
                bool isSame = next is not null && next.Scheme == uri.Scheme && next.Authority == uri.Authority && message.Method == HttpMethod.Get;
                uri = isSame && redirects < MaxRedirects
                    ? next!
                    : throw new EngineException(ErrorKind.Unavailable, $"{subject}: it redirects{(next is null ? "" : $" to {next.Authority}")}, which is not followed with credentials");
            }
        }
    }

    private HttpRequestMessage MakeRequest(Uri realm, string? service, IReadOnlyList<string> scopes, bool isRedirected)
    {
        if (Credential.IdentityToken.Length > 0)
        {
            return new HttpRequestMessage(HttpMethod.Post, realm)
            {
                Content = new FormUrlEncodedContent(
                [
                    new("grant_type", "refresh_token"), new("service", service ?? ""), new("client_id", options.UserAgent.Split('/')[0]),
                    new("refresh_token", Credential.IdentityToken), new("scope", string.Join(' ', scopes)),
                ]),
            };
        }

        return new HttpRequestMessage(HttpMethod.Get, isRedirected ? realm : WithQuery(realm, service, scopes))
        {
            Headers = { Authorization = Credential.Username.Length > 0 ? Authorizer.Basic(Credential) : null },
        };
    }

    private Uri WithQuery(Uri realm, string? service, IReadOnlyList<string> scopes)
    {
        var query = new StringBuilder(realm.Query.TrimStart('?'));
        Add("account", Credential.Username);
        if (IsLogin)
        {
            Add("client_id", options.UserAgent.Split('/')[0]);
            Add("offline_token", "true");
        }

        foreach (string scope in scopes)
        {
            Add("scope", scope);
        }

        Add("service", service);
        return new UriBuilder(realm) { Query = query.ToString() }.Uri;

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                query.Append(query.Length == 0 ? "" : "&").Append(name).Append('=').Append(Uri.EscapeDataString(value));
            }
        }
    }
}
