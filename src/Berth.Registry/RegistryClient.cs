using System.Collections.Concurrent;
using System.Text.Json;
using Berth.Model;
using Berth.Registry.Auth;
using Berth.Registry.Pull;
using Berth.Registry.Transport;

namespace Berth.Registry;

/// <summary>Talks to registries by the distribution specification. One for a process: it holds connections, tokens and buffers. Safe for concurrent use.</summary>
public sealed class RegistryClient : IDisposable
{
    private const int MaxChannels = 512;
    private const int MaxSearchAnswer = 4 << 20;
    private const int MaxHits = 100;
    private const int DefaultHits = 25;
    private const string SearchHost = "index.docker.io";
    private readonly RegistryConnections connections;
    private readonly HostRules hosts;
    private readonly EndpointFinder finder;
    private readonly ConcurrentDictionary<RegistryEndpoint, RegistryChannel> channels = new();

    /// <exception cref="EngineException">InvalidArgument for options that contradict themselves.</exception>
    public RegistryClient(RegistryOptions options)
    {
        options.Validate();
        Options = options;
        connections = new RegistryConnections(options);
        hosts = new HostRules(options);
        finder = new EndpointFinder(options, connections, hosts);
        Buffers = new RangeBuffers(options);
    }

    internal RegistryOptions Options { get; }

    internal RangeBuffers Buffers { get; }

    /// <summary>The repository of a name; nothing is asked yet. Pulls go through mirrors, pushes never.</summary>
    public RegistryRepository Open(ImageReference name, RegistryCredential credential) => new(this, name, credential);

    /// <summary>Shows a credential to a registry.</summary>
    /// <param name="domain">As in image names, or the address <c>https://index.docker.io/v1/</c> that clients have for docker.io.</param>
    /// <param name="credential">To be tried.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>An identity token to keep instead of the password, where the registry gives one; else an empty text.</returns>
    /// <exception cref="EngineException">Unauthorized, with the registry's words; Unavailable.</exception>
    public async Task<string> LoginAsync(string domain, RegistryCredential credential, CancellationToken cancellationToken)
    {
        RegistryEndpoint endpoint = await finder.FindAsync(HostIn(domain), credential, cancellationToken);
        var tokens = new TokenService(endpoint, connections, hosts, Options) { IsLogin = true };
        var channel = new RegistryChannel(endpoint, connections, hosts, Options, new Authorizer(endpoint, tokens));
        var uri = new Uri(endpoint.Base, "/v2/");
        using RegistryAnswer answer = await channel.SendAsync(new RegistryCall(HttpMethod.Get, uri, $"login to {endpoint.Name}"), cancellationToken);
        if (!answer.IsSuccess)
        {
            RegistryFailure failure = await RegistryFailure.ReadAsync(answer, cancellationToken);
            throw new EngineException(failure.Kind, $"login attempt to {Addresses.Show(uri)} failed with status: {answer.Status} {PrintableText.Of(answer.Message.ReasonPhrase)}: {failure.Text}");
        }

        return tokens.IdentityToken;
    }

    /// <summary>Repositories that a registry's index finds (version 1 of its protocol, which few registries beside Docker Hub have), in its order.</summary>
    /// <param name="term">What to look for; may begin with a registry: <c>quay.io/name</c>.</param>
    /// <param name="limit">The most to name, at most 100; 0: 25.</param>
    /// <param name="credential">Shown only when the registry asks for it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="EngineException">InvalidArgument for the limit; NotFound where the registry has no search; Unauthorized; Unavailable.</exception>
    public async Task<IReadOnlyList<SearchHit>> SearchAsync(string term, int limit, RegistryCredential credential, CancellationToken cancellationToken)
    {
        if (limit is < 0 or > MaxHits)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"limit {limit} is outside the range of [1, {MaxHits}]");
        }

        (string domain, string words) = SplitTerm(term);
        RegistryEndpoint endpoint = await finder.FindAsync(domain, credential, cancellationToken);
        RegistryChannel channel = ChannelOf(endpoint);
        string subject = $"search in {domain}";
        var uri = new Uri(endpoint.Base, $"/v1/search?q={Uri.EscapeDataString(words)}&n={(limit == 0 ? DefaultHits : limit)}");
        (byte[] body, _) = await channel.ReadDocumentAsync(
            new RegistryCall(HttpMethod.Get, uri, subject),
            MaxSearchAnswer,
            failure => failure.Status == 404 ? new EngineException(ErrorKind.NotFound, $"{subject}: the registry cannot be searched (it has no /v1/search)") : failure.ToException(subject),
            cancellationToken);
        try
        {
            return [.. (JsonSerializer.Deserialize(body, AnswerJsonContext.Default.SearchAnswer)?.Results ?? []).Take(limit == 0 ? DefaultHits : limit)];
        }
        catch (JsonException e)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject}: the answer cannot be read: {PrintableText.Of(e.Message)}", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => connections.Dispose();

    internal RegistryRule? RuleOf(string domain) => finder.RuleOf(domain);

    internal async Task<RegistryChannel> OpenAsync(string domain, RegistryCredential credential, CancellationToken cancellationToken) =>
        ChannelOf(await finder.FindAsync(domain, credential, cancellationToken));

    internal async Task<RegistryChannel> OpenAsync(RegistryMirror mirror, CancellationToken cancellationToken) => ChannelOf(await finder.FindAsync(mirror, cancellationToken));

    // "https://index.docker.io/v1/" is what clients call docker.io since the days of its first protocol.
    private static string HostIn(string domain)
    {
        string host = domain;
        int scheme = host.IndexOf("://", StringComparison.Ordinal);
        host = scheme >= 0 ? host[(scheme + 3)..] : host;
        host = host.Split('/')[0];
        return host is SearchHost or "" ? ImageReference.DefaultDomain : host;
    }

    private static (string Domain, string Words) SplitTerm(string term)
    {
        int slash = term.IndexOf('/', StringComparison.Ordinal);
        string first = slash > 0 ? term[..slash] : "";
        bool isDomain = first == "localhost" || first.AsSpan().IndexOfAny('.', ':') >= 0;
        (string domain, string words) = isDomain && first is not (ImageReference.DefaultDomain or SearchHost) ? (first, term[(slash + 1)..]) : (SearchHost, isDomain ? term[(slash + 1)..] : term);
        return domain == SearchHost && words.StartsWith("library/", StringComparison.Ordinal) ? (domain, words["library/".Length..]) : (domain, words);
    }

    // Tokens live in the channels; which users there are is not known beforehand.
    private RegistryChannel ChannelOf(RegistryEndpoint endpoint)
    {
        if (channels.Count > MaxChannels)
        {
            channels.Clear();
        }

        return channels.GetOrAdd(endpoint, key => new RegistryChannel(key, connections, hosts, Options, new Authorizer(key, new TokenService(key, connections, hosts, Options))));
    }
}
