using System.Collections.Immutable;
using Berth.Model;

namespace Berth.Engine.Networks;

/// <summary>Finds networks by name, id or the beginning of an id. Safe for concurrent use.</summary>
internal sealed class NetworkDirectory
{
    private readonly Lock sync = new();
    private ImmutableDictionary<string, ContainerNetwork> byId = ImmutableDictionary.Create<string, ContainerNetwork>(StringComparer.Ordinal);
    private ImmutableDictionary<string, ContainerNetwork> byName = ImmutableDictionary.Create<string, ContainerNetwork>(StringComparer.Ordinal);

    public IEnumerable<ContainerNetwork> All => byId.Values;

    public bool IsNameTaken(string name) => byName.ContainsKey(name);

    public void Add(ContainerNetwork network)
    {
        lock (sync)
        {
            byId = byId.Add(network.Record.Id, network);
            byName = byName.Add(network.Name, network);
        }
    }

    public void Remove(ContainerNetwork network)
    {
        lock (sync)
        {
            byId = byId.Remove(network.Record.Id);
            byName = byName.Remove(network.Name);
        }
    }

    /// <exception cref="EngineException">NotFound; InvalidArgument, as in docker's engine, for the beginning of several ids.</exception>
    public ContainerNetwork Find(string reference) => TryFind(reference) ?? throw new EngineException(ErrorKind.NotFound, $"network {reference} not found");

    /// <summary>Null when there is none.</summary>
    /// <exception cref="EngineException">InvalidArgument for the beginning of several ids.</exception>
    public ContainerNetwork? TryFind(string reference)
    {
        if (reference.Length == 0)
        {
            return null;
        }

        if (byId.GetValueOrDefault(reference) is { } exact)
        {
            return exact;
        }

        if (byName.GetValueOrDefault(reference) is { } named)
        {
            return named;
        }

        ContainerNetwork[] begun = [.. byId.Where(pair => pair.Key.StartsWith(reference, StringComparison.Ordinal)).Select(static pair => pair.Value).Take(2)];
        return begun.Length < 2 ? begun.FirstOrDefault() : throw new EngineException(ErrorKind.InvalidArgument, $"network {reference} is ambiguous ({begun.Length} matches found on ID prefix)");
    }
}
