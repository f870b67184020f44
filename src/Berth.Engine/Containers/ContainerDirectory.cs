using System.Collections.Immutable;
using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>Finds containers by id, name or the beginning of an id; reserves names while a container is being made.</summary>
internal sealed class ContainerDirectory
{
    private readonly Lock sync = new();
    private ImmutableDictionary<string, Container> byId = ImmutableDictionary.Create<string, Container>(StringComparer.Ordinal);
    private ImmutableDictionary<string, string> idByName = ImmutableDictionary.Create<string, string>(StringComparer.Ordinal);

    public IEnumerable<Container> All => byId.Values;

    public bool IsNameTaken(string name) => idByName.ContainsKey(name);

    /// <exception cref="EngineException">Conflict naming the container that has the name.</exception>
    public void ReserveName(string name, ContainerId id)
    {
        lock (sync)
        {
            if (idByName.TryGetValue(name, out string? holder))
            {
                throw new EngineException(ErrorKind.Conflict,
                    $"Conflict. The container name \"/{name}\" is already in use by container \"{holder}\". You have to remove (or rename) that container to be able to reuse that name.");
            }

            idByName = idByName.Add(name, id.ToString());
        }
    }

    /// <summary>Gives up a name that the container has reserved; one that is another's stays.</summary>
    public void ReleaseName(string name, ContainerId id)
    {
        lock (sync)
        {
            if (idByName.GetValueOrDefault(name) == id.ToString())
            {
                idByName = idByName.Remove(name);
            }
        }
    }

    public void Add(Container container)
    {
        lock (sync)
        {
            byId = byId.Add(container.Record.Id.ToString(), container);
        }
    }

    public void Remove(Container container)
    {
        lock (sync)
        {
            byId = byId.Remove(container.Record.Id.ToString());
            idByName = idByName.Remove(container.Record.Name);
        }
    }

    /// <summary>By its whole id; null when there is none.</summary>
    public Container? TryFind(string id) => byId.GetValueOrDefault(id);

    /// <exception cref="EngineException">NotFound when none fits, InvalidArgument when the beginning of an id fits several.</exception>
    public Container Find(string reference)
    {
        string name = reference.StartsWith('/') ? reference[1..] : reference;
        if (byId.TryGetValue(name, out Container? exact) || (idByName.TryGetValue(name, out string? id) && byId.TryGetValue(id, out exact)))
        {
            return exact;
        }

        Container? found = null;
        if (name.Length > 0 && name.All(char.IsAsciiHexDigitLower))
        {
            foreach ((string candidate, Container container) in byId)
            {
                if (candidate.StartsWith(name, StringComparison.Ordinal))
                {
                    found = found is null ? container : throw new EngineException(ErrorKind.InvalidArgument, $"Multiple IDs found with provided prefix: {name}");
                }
            }
        }

        return found ?? throw new EngineException(ErrorKind.NotFound, $"No such container: {reference}");
    }
}
