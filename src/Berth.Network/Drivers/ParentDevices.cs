using System.Globalization;
using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;

namespace Berth.Network.Drivers;

/// <summary>The devices that networks' links lie on, and which networks use them: those of all drivers of such, since they may share them. Changes take turns.</summary>
internal sealed class ParentDevices(HostLinks links)
{
    private readonly Lock turn = new();
    private readonly Dictionary<string, ParentPlan> networks = new(StringComparer.Ordinal);

    /// <summary>The network of an endpoint.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotFound"/>.</exception>
    public ParentPlan NetworkOf(EndpointPlan endpoint)
    {
        lock (turn)
        {
            return networks.GetValueOrDefault(endpoint.NetworkId) ?? throw new EngineException(ErrorKind.NotFound, $"network {endpoint.NetworkId} not found");
        }
    }

    /// <summary>Takes a network in, with its parent made where that is ours to make.</summary>
    /// <exception cref="EngineException">There is no such device, or it cannot be shared or made.</exception>
    /// <exception cref="LinuxException">The kernel refused; nothing is left.</exception>
    public void Add(ParentPlan network)
    {
        lock (turn)
        {
            foreach (ParentPlan other in networks.Values.Where(other => other.Parent == network.Parent && other.Id != network.Id))
            {
                network.ThrowIfExclusive(other);
            }

            LinkInfo parent = Ensure(network);
            if (network.Mtu > parent.Mtu)
            {
                RemoveUnused(network);
                throw new EngineException(ErrorKind.InvalidArgument, $"an MTU of {network.Mtu} is more than that of the parent interface {network.Parent}, {parent.Mtu}");
            }

            networks[network.Id] = network;
        }
    }

    /// <summary>Lets a network go, and its parent if we made that and nobody else is on it. None is no fault.</summary>
    /// <exception cref="LinuxException">The kernel refused; it can be tried again.</exception>
    public void Remove(string id)
    {
        lock (turn)
        {
            if (networks.GetValueOrDefault(id) is { } network)
            {
                RemoveUnused(network);
                networks.Remove(id);
            }
        }
    }

    /// <summary>Makes a parent again that is not there any more, where that is ours to make.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: it is not, or what it lies on is not there either.</exception>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public LinkInfo Repair(ParentPlan network)
    {
        lock (turn)
        {
            return network.IsIsolated || network.Parent.Contains('.')
                ? Ensure(network)
                : throw new EngineException(ErrorKind.Internal, $"the device {network.Parent}, which network {network.Id} lies on, is not there any more");
        }
    }

    /// <summary>Takes over the networks of one kind from a daemon before this one.</summary>
    /// <returns>Those whose parent is missing.</returns>
    public IReadOnlyList<NetworkFailure> Restore<TPlan>(IReadOnlyList<TPlan> plans)
        where TPlan : ParentPlan
    {
        lock (turn)
        {
            foreach (string id in networks.Values.OfType<TPlan>().Select(static network => network.Id).ToList())
            {
                networks.Remove(id);
            }

            List<NetworkFailure> failures = [];
            foreach (TPlan network in plans)
            {
                // It is a network even without its parent: that may come back.
                networks[network.Id] = network;
                try
                {
                    Ensure(network);
                }
                catch (Exception e) when (e is EngineException || KernelRefusal.Is(e))
                {
                    failures.Add(new NetworkFailure(network.Id, e));
                }
            }

            return failures;
        }
    }

    private LinkInfo Ensure(ParentPlan network)
    {
        LinkInfo? parent = FindDevice(network.Parent);
        if (parent is null)
        {
            int made = network.IsIsolated ? CreateIsolated(network) : CreateVlan(network);
            return Links.Find(links.Route, made) ?? throw new LinuxException(Errno.ENODEV, "RTM_GETLINK", network.Parent);
        }

        bool isOurs = links.IdOf(parent) is not null && network.Owns(parent, network.Id);
        if (network.IsIsolated && !isOurs)
        {
            throw new EngineException(ErrorKind.Conflict, $"network {network.Id} needs the name {network.Parent} for a device of its own, and another link has it ({parent.Kind ?? "a device"}): remove or rename that one");
        }

        if (isOurs)
        {
            Own(parent.Index, network); // a daemon may have been killed before it had done that
        }

        return parent;
    }

    // A name that no link can have is no link's.
    private LinkInfo? FindDevice(string name) => System.Text.Encoding.UTF8.GetByteCount(name) is > 0 and < 16 ? links.Find(name) : null;

    // Nothing is sent by such a device, so its links have each other alone. Where the kernel has no dummies a bridge without ports serves as well: it swallows what is sent, too. Its hardware
    // address must not be set: a bridge that is told one looks at its ports, finds none and takes itself for unplugged, and so would the links on it.
    private int CreateIsolated(ParentPlan network)
    {
        uint group = LinkText.GroupOf(links.Options.Owner);
        int index;
        try
        {
            index = Links.Create(links.Route, new DummyConfig { Name = network.Parent, Group = group });
        }
        catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            index = Links.Create(links.Route, new BridgeConfig { Name = network.Parent, Group = group });
        }

        return Finish(index, network, () => links.InNamespace(() =>
        {
            // The host is not in the network.
            if (KernelSettings.HasIPv6)
            {
                KernelSettings.Write($"net/ipv6/conf/{network.Parent}/disable_ipv6", "1");
            }
        }));
    }

    private int CreateVlan(ParentPlan network)
    {
        (string device, int id) = ParseVlan(network.Parent);
        LinkInfo on = FindDevice(device) ?? throw new EngineException(ErrorKind.Internal, $"-o parent interface was not found on the host: {device}");
        if (id is < 1 or > 4094)
        {
            throw new EngineException(ErrorKind.Internal, $"vlan id must be between 1-4094, received: {id}");
        }

        if (System.Text.Encoding.UTF8.GetByteCount(network.Parent) > 15)
        {
            throw new EngineException(ErrorKind.Internal, $"invalid subinterface vlan name {network.Parent}: an interface's name has at most 15 characters");
        }

        if (!on.IsUp)
        {
            throw new EngineException(ErrorKind.Internal, $"failed to enable {network.Parent} the {network.Kind} parent link: {device} is switched off");
        }

        try
        {
            return Finish(Links.Create(links.Route, new VlanConfig { Name = network.Parent, Parent = on.Index, Id = (ushort)id, Group = LinkText.GroupOf(links.Options.Owner) }), network, static () => { });
        }
        catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            throw new EngineException(ErrorKind.NotImplemented,
                $"failed to create {network.Parent} vlan link: this kernel has no VLANs (CONFIG_VLAN_8021Q), or their module is not there: make {network.Parent} by other means, or use {device} itself", e);
        }
    }

    private int Finish(int index, ParentPlan network, Action configure)
    {
        try
        {
            configure();
            Own(index, network);
            return index;
        }
        catch
        {
            links.Delete(index);
            throw;
        }
    }

    private void Own(int index, ParentPlan network) =>
        Links.Change(links.Route, index, new LinkChange { Alias = LinkText.AliasOf(links.Options.Owner, network.Id), IsUp = true });

    // docker's words.
    private static (string Device, int Id) ParseVlan(string name)
    {
        string[] parts = name.Split('.');
        if (parts.Length == 1)
        {
            throw new EngineException(ErrorKind.Internal, $"invalid subinterface vlan name {name}, example formatting is eth0.10");
        }

        if (parts.Length > 2)
        {
            throw new EngineException(ErrorKind.Internal, $"required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received {name}");
        }

        return int.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int id)
            ? (parts[0], id)
            : throw new EngineException(ErrorKind.Internal, $"unable to parse a valid vlan id from: {parts[1]} (ex. eth0.10 for vlan 10)");
    }

    private void RemoveUnused(ParentPlan network)
    {
        if (FindDevice(network.Parent) is not { } parent || links.IdOf(parent) is null || !network.Owns(parent, network.Id))
        {
            return; // gone, or not made by us
        }

        if (networks.Values.FirstOrDefault(other => other.Parent == network.Parent && other.Id != network.Id) is { } heir)
        {
            Own(parent.Index, heir);
        }
        else
        {
            links.Delete(parent.Index);
        }
    }
}
