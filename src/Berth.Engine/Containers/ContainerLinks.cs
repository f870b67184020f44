using System.Collections.Concurrent;

namespace Berth.Engine.Containers;

/// <summary>What a container needs of the service that owns it.</summary>
/// <param name="OwnerByExec">Where sessions of all containers are found; the container enters its own and takes them out.</param>
/// <param name="OnRemoved">Takes the container out of the directory of names; called once, when its removal is durable.</param>
/// <param name="FindNetwork">Another container's network to join, or null; when it throws, the start has failed.</param>
/// <param name="FindLinked">The containers that one is linked to, which have to run if the second argument says so; when it throws, the start has failed.</param>
/// <param name="LinkedRestarts">Completes when those that a container is linked to have been started again, or could not be, by the daemon's own start.</param>
/// <param name="OnStarted">Tells those that are linked to a container its new address.</param>
/// <param name="Restored">Completes when all containers are restored: no run begins by itself before.</param>
internal sealed record ContainerLinks(ConcurrentDictionary<string, Container> OwnerByExec, Action<Container> OnRemoved, Func<ContainerRecord, JoinedNetwork?> FindNetwork,
    Func<ContainerRecord, bool, IReadOnlyList<LinkedContainer>> FindLinked, Func<ContainerRecord, Task> LinkedRestarts, Func<ContainerRecord, Task> OnStarted, Task Restored);

/// <summary>Another container's network.</summary>
/// <param name="Path">Its namespace.</param>
/// <param name="Folder">The folder with its hosts, resolv.conf and hostname, which are shared.</param>
internal sealed record JoinedNetwork(string Path, string Folder);
