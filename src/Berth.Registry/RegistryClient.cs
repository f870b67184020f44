using System.Collections.Concurrent;
using Berth.Model;
using Berth.Registry.Auth;
using Berth.Registry.Transport;

namespace Berth.Registry;

/// <summary>Talks to registries by the distribution specification. One for a process: it holds connections and tokens. Safe for concurrent use.</summary>
public sealed class RegistryClient : IDisposable
{
    private const int MaxChannels = 512;
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

        return channels.GetOrAdd(endpoint, key => new RegistryChannel(key, connections, hosts, options, new Authorizer(key, connections, hosts)));
    }
}
