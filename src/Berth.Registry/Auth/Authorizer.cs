using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Berth.Model;
using Berth.Registry.Transport;

namespace Berth.Registry.Auth;

/// <summary>What one credential shows to one endpoint: nothing before it is asked, then a password or a token.</summary>
#pragma warning disable CA1001 // a semaphore whose wait handle is never asked for holds nothing
internal sealed class Authorizer(RegistryEndpoint endpoint, RegistryConnections connections, HostRules hosts)
#pragma warning restore CA1001
{
    private const int MaxTokenAnswer = 1 << 20;
    private readonly Dictionary<string, (string Token, DateTimeOffset Until)> tokens = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim gate = new(1, 1);
    private Challenge? challenge;

    private RegistryCredential Credential => endpoint.Credential;

    public async ValueTask<AuthenticationHeaderValue?> HeaderAsync(IReadOnlyList<string> scopes, CancellationToken cancellationToken)
    {
        if (Credential.RegistryToken.Length > 0)
        {
            return new AuthenticationHeaderValue("Bearer", Credential.RegistryToken);
        }

        return challenge switch
        {
            { Scheme: "basic" } => Basic(Credential),
            { Scheme: "bearer" } bearer => new AuthenticationHeaderValue("Bearer", await TokenAsync(bearer, scopes, cancellationToken)),
            _ => null,
        };
    }

    /// <summary>Takes in what the endpoint demands; false when sending again would change nothing.</summary>
    public async Task<bool> ChallengedAsync(IReadOnlyList<Challenge> challenges, AuthenticationHeaderValue? shown)
    {
        Challenge? chosen = challenges.FirstOrDefault(static challenge => challenge.Scheme == "bearer") ?? challenges.FirstOrDefault(static challenge => challenge.Scheme == "basic");
        if (chosen is null || Credential.RegistryToken.Length > 0 || (chosen.Scheme == "basic" && shown is not null))
        {
            return false;
        }

        if (chosen.Scheme == "basic" && Credential.Username.Length == 0)
        {
            throw new EngineException(ErrorKind.Unauthorized, $"{endpoint.Name}: no basic auth credentials");
        }

        await gate.WaitAsync();
        try
        {
            challenge = chosen;
            tokens.Clear();
        }
        finally
        {
            gate.Release();
        }

        return true;
    }

    private static AuthenticationHeaderValue Basic(RegistryCredential credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{credential.Password}")));

    private async Task<string> TokenAsync(Challenge bearer, IReadOnlyList<string> scopes, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            string key = string.Join(' ', scopes);
            if (tokens.TryGetValue(key, out (string Token, DateTimeOffset Until) held) && held.Until > DateTimeOffset.UtcNow)
            {
                return held.Token;
            }

            (string token, TimeSpan life) = await FetchAsync(bearer, scopes, cancellationToken);
            tokens[key] = (token, DateTimeOffset.UtcNow + life);
            return token;
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<(string Token, TimeSpan Life)> FetchAsync(Challenge bearer, IReadOnlyList<string> scopes, CancellationToken cancellationToken)
    {
        Uri realm = await RequireRealmAsync(bearer["realm"], cancellationToken);
        using HttpRequestMessage message = MakeRequest(realm, bearer["service"], scopes);
        using HttpResponseMessage response = await connections.SendAsync(message, await hosts.IsInsecureAsync(realm, cancellationToken), cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            throw new EngineException(ErrorKind.Unauthorized, $"{endpoint.Name}: unauthorized: authentication required (token service {realm.Authority}: {(int)response.StatusCode})");
        }

        byte[] body = await BoundedBody.ReadAsync(
            await response.Content.ReadAsStreamAsync(cancellationToken), response.Content.Headers.ContentLength, MaxTokenAnswer, $"the answer of the token service {realm.Authority}", cancellationToken);
        TokenAnswer answer = JsonSerializer.Deserialize(body, TokenJsonContext.Default.TokenAnswer) ?? new TokenAnswer();
        string token = answer.Token is { Length: > 0 } first ? first : answer.AccessToken ?? "";
        return (token, TimeSpan.FromSeconds(Math.Max(answer.ExpiresIn ?? 60, 60) - 10));
    }

    private async Task<Uri> RequireRealmAsync(string? realm, CancellationToken cancellationToken)
    {
        if (!Uri.TryCreate(realm, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("https" or "http"))
        {
            throw new EngineException(ErrorKind.Unavailable, $"{endpoint.Name} demands a token, but names no place to get it from");
        }

        return uri.Scheme == "https" || await hosts.IsInsecureAsync(uri, cancellationToken)
            ? uri
            : throw new EngineException(ErrorKind.Forbidden, $"{endpoint.Name} names a token service that is spoken to in plain text, {uri.Authority}: it is not asked");
    }

    private HttpRequestMessage MakeRequest(Uri realm, string? service, IReadOnlyList<string> scopes)
    {
        if (Credential.IdentityToken.Length > 0)
        {
            return new HttpRequestMessage(HttpMethod.Post, realm)
            {
                Content = new FormUrlEncodedContent(
                [
                    new("grant_type", "refresh_token"), new("service", service ?? ""), new("client_id", "berth"), new("refresh_token", Credential.IdentityToken), new("scope", string.Join(' ', scopes)),
                ]),
            };
        }

        var query = new StringBuilder(realm.Query.TrimStart('?'));
        Add("service", service);
        foreach (string scope in scopes)
        {
            Add("scope", scope);
        }

        if (Credential.Username.Length > 0)
        {
            Add("account", Credential.Username);
        }

        return new HttpRequestMessage(HttpMethod.Get, new UriBuilder(realm) { Query = query.ToString() }.Uri)
        {
            Headers = { Authorization = Credential.Username.Length > 0 ? Basic(Credential) : null },
        };

        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                query.Append(query.Length == 0 ? "" : "&").Append(name).Append('=').Append(Uri.EscapeDataString(value));
            }
        }
    }
}
