using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>Where a registry is: by its domain, the rules of insecure registries and the mirrors.</summary>
internal sealed class EndpointFinder(RegistryOptions options, RegistryConnections connections, HostRules hosts)
{
    /// <summary>The host that serves <c>docker.io</c>.</summary>
    public const string HubHost = "registry-1.docker.io";
    private readonly Patience patience = new(options);

    /// <summary>The rule that counts for a registry, or null.</summary>
    public RegistryRule? RuleOf(string domain) =>
        options.Rules.FirstOrDefault(rule => rule.Registry.Equals(domain, StringComparison.OrdinalIgnoreCase)) ?? options.Rules.FirstOrDefault(static rule => rule.Registry == "*");

    /// <summary>A mirror's place: its address says itself whether plain text is meant.</summary>
    public async Task<RegistryEndpoint> FindAsync(RegistryMirror mirror, CancellationToken cancellationToken)
    {
        string prefix = mirror.Url.AbsolutePath.Trim('/');
        bool isInsecure = mirror.Url.Scheme == "http" || await hosts.IsInsecureAsync(mirror.Url, cancellationToken);
        return new RegistryEndpoint(new Uri(mirror.Url, "/"), prefix.Length == 0 ? "" : prefix + "/", mirror.Credential, true, isInsecure);
    }

    /// <summary>A registry's own place: https, and for insecure ones https without checks, else http, whichever answers.</summary>
    /// <exception cref="EngineException">InvalidArgument for a domain that is no host; Unavailable when an insecure one answers in neither way.</exception>
    public async Task<RegistryEndpoint> FindAsync(string domain, RegistryCredential credential, CancellationToken cancellationToken)
    {
        string host = domain is ImageReference.DefaultDomain ? HubHost : domain;
        var secure = Addresses.OfHost("https", host);
        if (!await hosts.IsInsecureAsync(secure, cancellationToken))
        {
            return new RegistryEndpoint(secure, "", credential, false, false);
        }

        var plain = Addresses.OfHost("http", host);
        for (int failures = 1; ; failures++)
        {
            (int status, UnreachableException? noTls) = await ProbeAsync(secure, cancellationToken);
            if (noTls is null)
            {
                return new RegistryEndpoint(secure, "", credential, false, true);
            }

            (status, UnreachableException? noAnswer) = await ProbeAsync(plain, cancellationToken);
            bool wantsTls = status == 400; // what servers of https say to plain text: then the first failure is the true one
            if (noAnswer is null && !wantsTls)
            {
                return new RegistryEndpoint(plain, "", credential, false, true);
            }

            UnreachableException failure = noAnswer ?? noTls;
            if (wantsTls || failures >= patience.Attempts || !Patience.IsPassing(failure))
            {
                throw RegistryErrors.Unreachable(new RegistryCall(HttpMethod.Get, failure.Uri, $"registry {domain}"), failure);
            }

            await Task.Delay(patience.PauseAfter(failures), cancellationToken);
        }
    }

    private async Task<(int Status, UnreachableException? Failure)> ProbeAsync(Uri host, CancellationToken cancellationToken)
    {
        var uri = new Uri(host, "/v2/");
        try
        {
            using var message = new HttpRequestMessage(HttpMethod.Get, uri);
            using HttpResponseMessage answer = await connections.SendAsync(message, isInsecure: true, cancellationToken);
            return ((int)answer.StatusCode, null);
        }
        catch (Exception e) when (e is HttpRequestException or TimeoutException or IOException)
        {
            return (0, new UnreachableException(uri, e));
        }
    }
}
