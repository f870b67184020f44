using System.Collections.Concurrent;
using System.Net;
using Berth.Network.Dns;

namespace Berth.Engine.Networks;

/// <summary>The servers elsewhere that resolvers ask: containers with the same ones share what is known of them, and their answers.</summary>
internal sealed class UpstreamServers
{
    private readonly ConcurrentDictionary<string, UpstreamGroup> groups = new(StringComparer.Ordinal);

    public UpstreamGroup For(IReadOnlyList<IPEndPoint> servers) =>
        groups.GetOrAdd(string.Join(' ', servers), static (_, list) => new UpstreamGroup(list, new UpstreamOptions()), servers);
}
