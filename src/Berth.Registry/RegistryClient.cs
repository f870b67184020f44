using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Model;
using Berth.Registry.Auth;
using Berth.Registry.Transport;

namespace Berth.Registry;

/// <summary>Talks to registries by the distribution specification. One for a process: it holds connections and tokens. Safe for concurrent use.</summary>
public sealed class RegistryClient : IDisposable
{
    private const int MaxChannels = 512;
    private const int MaxSearchAnswer = 4 << 20;
    private readonly RegistryOptions options;
    private readonly RegistryConnections connections;
    private readonly HostRules hosts;
    private readonly ConcurrentDictionary<RegistryEndpoint, RegistryChannel> channels = new();

    /// <exception cref="EngineException">InvalidArgument for options that contradict themselves.</exception>
    public RegistryClient(RegistryOptions options)
    {
        options.Validate();
        this.options = options;
        connections = new RegistryConnections(options);
        hosts = new HostRules(options.InsecureRegistries);
    }

    /// <summary>The repository of a name; nothing is asked yet. Pulls go through mirrors, pushes never.</summary>
    public RegistryRepository Open(ImageReference name, RegistryCredential credential) => new(this, options, name, credential);

    /// <summary>Shows the credential to a registry; returns an identity token to keep instead of the password where the registry gives one, else an empty text.</summary>
    /// <exception cref="EngineException">Unauthorized, with the registry's words; Unavailable.</exception>
    public async Task<string> LoginAsync(string domain, RegistryCredential credential, CancellationToken cancellationToken)
    {
        RegistryChannel channel = await ChannelAsync(domain, credential, cancellationToken);
        using RegistryAnswer answer = await channel.RequireAsync(new RegistryCall(HttpMethod.Get, new Uri(channel.Endpoint.Base, "/v2/"), $"login attempt to {channel.Endpoint.Base}v2/ failed"), cancellationToken);
        return "";
    }

    /// <summary>Repositories whose name or description has a term in it, by the registry's own order.</summary>
    /// <param name="term">What to look for; may begin with a registry: <c>quay.io/name</c>.</param>
    /// <exception cref="EngineException">Unavailable; NotFound where the registry has no search.</exception>
    public async Task<IReadOnlyList<SearchHit>> SearchAsync(string term, int limit, RegistryCredential credential, CancellationToken cancellationToken)
    {
        int slash = term.IndexOf('/', StringComparison.Ordinal);
        string first = slash > 0 ? term[..slash] : "";
        bool hasDomain = first == "localhost" || first.AsSpan().IndexOfAny('.', ':') >= 0;
        string domain = hasDomain ? first : "index.docker.io";
        RegistryChannel channel = await ChannelAsync(domain, credential, cancellationToken);
        string subject = $"search of {domain}";
        var uri = new Uri(channel.Endpoint.Base, $"/v1/search?q={Uri.EscapeDataString(hasDomain ? term[(slash + 1)..] : term)}&n={limit}");
        using RegistryAnswer answer = await channel.RequireAsync(new RegistryCall(HttpMethod.Get, uri, subject), cancellationToken);
        byte[] body = await BoundedBody.ReadAsync(await answer.OpenAsync(cancellationToken), answer.Message.Content.Headers.ContentLength, MaxSearchAnswer, subject, cancellationToken);
        SearchAnswer? found = JsonSerializer.Deserialize(body, SearchJsonContext.Default.SearchAnswer);
        return [.. found?.Results ?? []];
    }

    /// <inheritdoc/>
    public void Dispose() => connections.Dispose();

    internal async Task<RegistryChannel> ChannelAsync(string domain, RegistryCredential credential, CancellationToken cancellationToken)
    {
        string host = domain == ImageReference.DefaultDomain ? "registry-1.docker.io" : domain;
        var secure = new Uri($"https://{host}/");
        bool isInsecure = await hosts.IsInsecureAsync(secure, cancellationToken);
        var endpoint = new RegistryEndpoint(isInsecure ? new Uri($"http://{host}/") : secure, "", credential, false, isInsecure);
        if (channels.Count > MaxChannels)
        {
            channels.Clear();
        }

        return channels.GetOrAdd(endpoint, key => new RegistryChannel(key, connections, hosts, new Authorizer(key, connections, hosts)));
    }
}
