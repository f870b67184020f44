using System.Net.Http.Headers;
using System.Text;
using Berth.Model;
using Berth.Registry.Transport;

namespace Berth.Registry.Auth;

/// <summary>What one credential shows to one endpoint: nothing before it is asked, then a password or a token. Safe for concurrent use.</summary>
#pragma warning disable CA1001 // a semaphore whose wait handle is never asked for holds nothing
internal sealed class Authorizer(RegistryEndpoint endpoint, TokenService tokenService)
#pragma warning restore CA1001
{
    private const int MaxTokens = 256;
    private const int MaxScopes = 16;
    private readonly Dictionary<string, (string Token, DateTimeOffset Until)> tokens = new(StringComparer.Ordinal);
    private readonly SortedSet<string> demanded = new(StringComparer.Ordinal);
    private readonly Lock state = new();
    private readonly SemaphoreSlim fetching = new(1, 1);
    private volatile Challenge? challenge;

    private RegistryCredential Credential => endpoint.Credential;

    /// <summary>The user and password as RFC 7617 has them.</summary>
    public static AuthenticationHeaderValue Basic(RegistryCredential credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.Username}:{credential.Password}")));

    /// <summary>What to send with a request for <paramref name="scopes"/>; null before the endpoint has demanded anything.</summary>
    /// <exception cref="EngineException">Unauthorized when the token service refuses; Unavailable; Forbidden when it may not be asked.</exception>
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
    /// <param name="challenges">All of them.</param>
    /// <param name="scopes">What the request was for.</param>
    /// <param name="shown">What was sent and refused.</param>
    /// <exception cref="EngineException">Unauthorized when a password is wanted and there is none.</exception>
    public bool TakeChallenge(IReadOnlyList<Challenge> challenges, IReadOnlyList<string> scopes, AuthenticationHeaderValue? shown)
    {
        Challenge? chosen = challenges.FirstOrDefault(static challenge => challenge.Scheme == "bearer") ?? challenges.FirstOrDefault(static challenge => challenge.Scheme == "basic");
        if (chosen is null || Credential.RegistryToken.Length > 0 || (chosen.Scheme == "basic" && shown is { Scheme: "Basic" }))
        {
            return false;
        }

        if (chosen.Scheme == "basic" && Credential.Username.Length == 0)
        {
            throw new EngineException(ErrorKind.Unauthorized, $"registry {endpoint.Name}: no basic auth credentials; log in first");
        }

        lock (state)
        {
            challenge = chosen;
            // Another request may have renewed it meanwhile.
            if (shown is { Scheme: "Bearer" } && tokens.TryGetValue(KeyOf(scopes), out (string Token, DateTimeOffset Until) held) && held.Token == shown.Parameter)
            {
                tokens.Remove(KeyOf(scopes));
                DemandMore(chosen, scopes);
            }
        }

        return true;
    }

    private static string KeyOf(IReadOnlyList<string> scopes) => string.Join(' ', scopes);

    // A registry that wants more than what the request seems to need says so.
    private void DemandMore(Challenge chosen, IReadOnlyList<string> scopes)
    {
        foreach (string scope in chosen["scope"]?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [])
        {
            if (!scopes.Contains(scope, StringComparer.Ordinal) && demanded.Count < MaxScopes)
            {
                demanded.Add(scope);
            }
        }
    }

    private string? HeldToken(IReadOnlyList<string> scopes)
    {
        lock (state)
        {
            return tokens.TryGetValue(KeyOf(scopes), out (string Token, DateTimeOffset Until) held) && held.Until > DateTimeOffset.UtcNow ? held.Token : null;
        }
    }

    private async Task<string> TokenAsync(Challenge bearer, IReadOnlyList<string> scopes, CancellationToken cancellationToken)
    {
        if (HeldToken(scopes) is { } held)
        {
            return held;
        }

        await fetching.WaitAsync(cancellationToken);
        try
        {
            if (HeldToken(scopes) is { } fetchedMeanwhile)
            {
                return fetchedMeanwhile;
            }

            List<string> wanted;
            lock (state)
            {
                wanted = [.. scopes, .. demanded];
            }

            IssuedToken issued = await tokenService.FetchAsync(bearer, wanted, cancellationToken);
            lock (state)
            {
                if (tokens.Count >= MaxTokens)
                {
                    tokens.Clear();
                }

                tokens[KeyOf(scopes)] = (issued.Token, issued.Until);
            }

            return issued.Token;
        }
        finally
        {
            fetching.Release();
        }
    }
}
