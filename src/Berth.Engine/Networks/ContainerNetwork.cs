using Berth.Model;
using Berth.Network.Dns;
using Berth.Network.Drivers;
using Berth.Network.Ipam;
using Berth.Network.Ipam.Remote;

namespace Berth.Engine.Networks;

/// <summary>The one owner of a network's state in memory: which addresses are taken, who is in it, how they are called. Safe for concurrent use.</summary>
internal sealed class ContainerNetwork
{
    private readonly Lock sync = new();
    private readonly Dictionary<string, EndpointState> endpoints = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> holders = new(StringComparer.Ordinal); // containers by endpoint: those that a plugin knows
    private bool isRemoved;

    /// <exception cref="EngineException">The record's pools contradict each other.</exception>
    public ContainerNetwork(NetworkRecord record, NetworkPlugins plugins)
    {
        Record = record;
        IsUserDefined = !record.IsPredefined;
        RemoteAddresses = RemoteOptions.AddressesOf(record, plugins.Addresses);
        AddressPool[] pools = RemoteAddresses is null ? [.. record.Pools.Select(ToPool)] : [];
        Addresses = new NetworkAddresses(record.Config.Name, record.Id, pools, IsUserDefined, record.Config.Pools.Count > 0);
        Names = new NameTable(record.Config.Name);
        Plan = DriverOptions.PlanOf(record);
    }

    public NetworkRecord Record { get; }
    public string Name => Record.Config.Name;

    /// <summary>Whether its containers find each other by name.</summary>
    public bool IsUserDefined { get; }
    public NetworkAddresses Addresses { get; }

    /// <summary>In the place of <see cref="Addresses"/>, which are none then: those that a plugin gives, or nobody; null: there are none such.</summary>
    public RemoteAddresses? RemoteAddresses { get; }
    public NameTable Names { get; }

    /// <summary>What the kernel has of it; null for <c>host</c> and <c>none</c>.</summary>
    public NetworkPlan? Plan { get; }

    public NetworkInfo Info
    {
        get
        {
            lock (sync)
            {
                return new NetworkInfo(Record, new Dictionary<string, EndpointState>(endpoints, StringComparer.Ordinal));
            }
        }
    }

    /// <summary>Lets a container in.</summary>
    /// <exception cref="EngineException">NotFound: the network was removed in this moment.</exception>
    public void Enter(string containerId, EndpointState endpoint)
    {
        lock (sync)
        {
            if (isRemoved)
            {
                throw new EngineException(ErrorKind.NotFound, $"network {Name} not found");
            }

            endpoints[containerId] = endpoint;
        }
    }

    /// <summary>Lets it go; one that is not in it is no fault.</summary>
    public void Leave(string containerId)
    {
        lock (sync)
        {
            endpoints.Remove(containerId);
        }
    }

    /// <summary>Keeps the network from being removed while a plugin is asked for an endpoint, and until it has it no more.</summary>
    /// <exception cref="EngineException">NotFound: the network was removed in this moment.</exception>
    public void Hold(string endpointId, string containerId)
    {
        lock (sync)
        {
            if (isRemoved)
            {
                throw new EngineException(ErrorKind.NotFound, $"network {Name} not found");
            }

            holders[endpointId] = containerId;
        }
    }

    /// <summary>Takes <see cref="Hold"/> back; what is not held is no fault.</summary>
    public void LetGo(string endpointId)
    {
        lock (sync)
        {
            holders.Remove(endpointId);
        }
    }

    /// <summary>Lets nobody in any more, so that it can be removed.</summary>
    /// <param name="describe">Names a container by its id, for the message.</param>
    /// <exception cref="EngineException">Forbidden: somebody is in it.</exception>
    public void Close(Func<string, string> describe)
    {
        lock (sync)
        {
            if (isRemoved)
            {
                throw new EngineException(ErrorKind.NotFound, $"network {Name} not found");
            }

            if (endpoints.Count + holders.Count > 0)
            {
                throw new EngineException(ErrorKind.Forbidden,
                    $"error while removing network: network {Name} has active endpoints ({string.Join(", ", endpoints.Keys.Union(holders.Values).Select(describe).Order(StringComparer.Ordinal))})");
            }

            isRemoved = true;
        }
    }

    /// <summary>Takes <see cref="Close"/> back.</summary>
    public void Reopen()
    {
        lock (sync)
        {
            isRemoved = false;
        }
    }

    private static AddressPool ToPool(NetworkPool pool) => new(new AddressPoolConfig
    {
        Subnet = Subnet.Parse(pool.Subnet),
        IpRange = string.IsNullOrEmpty(pool.IpRange) ? null : Subnet.Parse(pool.IpRange),
        Gateway = NetAddress.Parse(pool.Gateway),
        AuxAddresses = (pool.AuxAddresses ?? new Dictionary<string, string>()).ToDictionary(static aux => aux.Key, static aux => NetAddress.Parse(aux.Value), StringComparer.Ordinal),
    });
}
