using Berth.Linux;
using Berth.Linux.Netlink;
using Berth.Model;

namespace Berth.Network.Drivers;

/// <summary>
/// Networks whose containers have links on a device of the host. A link is made in the container's namespace and is nowhere else, so the host keeps nothing of an endpoint.
/// </summary>
/// <typeparam name="TPlan">Of which kind.</typeparam>
internal abstract class ParentDriver<TPlan>(HostLinks links, ParentDevices parents) : INetworkDriver
    where TPlan : ParentPlan
{
    /// <inheritdoc/>
    /// <exception cref="EngineException"><see cref="ErrorKind.NotImplemented"/>: the kernel lacks the kind of links or VLANs; <see cref="ErrorKind.Conflict"/>: the name of the network's own
    /// device is another link's; <see cref="ErrorKind.Internal"/>: there is no such parent, it is another network's, or the kernel refused.</exception>
    public void Add(NetworkPlan plan)
    {
        var network = (TPlan)plan;
        KernelRefusal.Told($"network {network.Id} cannot be made", () =>
        {
            ThrowIfUnknownToKernel(network);
            parents.Add(network);
        });
    }

    /// <inheritdoc/>
    public void Remove(NetworkPlan plan) => KernelRefusal.Told($"network {plan.Id} cannot be removed", () => parents.Remove(plan.Id));

    /// <inheritdoc/>
    /// <exception cref="EngineException"><see cref="ErrorKind.Conflict"/>: a link of that name is in the container; <see cref="ErrorKind.Internal"/>: the kernel refused, or the parent is gone.</exception>
    public void Connect(EndpointPlan endpoint, FileDescriptor sandbox)
    {
        ParentPlan network = parents.NetworkOf(endpoint);
        KernelRefusal.Told($"{endpoint.Interface} cannot be connected to network {network.Id}", () =>
        {
            CreateLink(network, endpoint, sandbox);
            try
            {
                Sandbox.Configure(sandbox, network.InsideOf(endpoint));
            }
            catch (LinuxException e) when (e.Errno is Errno.EADDRINUSE or Errno.EBUSY)
            {
                Remove(endpoint, sandbox);
                throw new EngineException(ErrorKind.Conflict, $"the hardware address {endpoint.Addresses.Mac} is the device's {network.Parent} or that of another link on it: {e.Message}", e);
            }
            catch
            {
                Remove(endpoint, sandbox);
                throw;
            }
        });
    }

    /// <inheritdoc/>
    public void Disconnect(EndpointPlan endpoint, FileDescriptor? sandbox)
    {
        if (sandbox is not null)
        {
            KernelRefusal.Told($"{endpoint.Interface} cannot be disconnected from network {endpoint.NetworkId}", () => Remove(endpoint, sandbox));
        }
    }

    /// <inheritdoc/>
    public void Reroute(EndpointPlan endpoint, FileDescriptor sandbox)
    {
        ParentPlan network = parents.NetworkOf(endpoint);
        KernelRefusal.Told($"{endpoint.Interface} of network {network.Id} cannot be rerouted", () => Sandbox.Reroute(sandbox, network.InsideOf(endpoint)));
    }

    /// <inheritdoc/>
    public IReadOnlyList<NetworkFailure> Restore(IReadOnlyList<NetworkPlan> plans, IReadOnlyList<EndpointPlan> endpoints) => parents.Restore([.. plans.Cast<TPlan>()]);

    // Otherwise it would be told at the first start of a container. The kernel looks at the kind before it looks for the device, which there is none with this number of.
    private void ThrowIfUnknownToKernel(TPlan network)
    {
        var nothing = new EndpointPlan { Id = network.Id, NetworkId = network.Id, Interface = "berthprobe", Addresses = new Ipam.EndpointAddresses { Mac = Ipam.MacAddress.Random() } };
        try
        {
            using FileDescriptor own = links.OpenNamespace();
            Links.Create(links.Route, network.LinkOf(nothing, int.MaxValue, own, LinkText.GroupOf(links.Options.Owner)));
        }
        catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            throw new EngineException(ErrorKind.NotImplemented, $"this kernel has no {network.Kind} ({network.KernelOption}), or its module is not there: networks of the driver {network.Kind} cannot be made", e);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENODEV)
        {
            // It knows them.
        }
    }

    private void CreateLink(ParentPlan network, EndpointPlan endpoint, FileDescriptor sandbox)
    {
        LinkInfo parent = links.Find(network.Parent) ?? parents.Repair(network);
        try
        {
            Links.Create(links.Route, network.LinkOf(endpoint, parent.Index, sandbox, LinkText.GroupOf(links.Options.Owner)));
        }
        catch (LinuxException e) when (e.Errno == Errno.EEXIST)
        {
            throw new EngineException(ErrorKind.Conflict, $"the container has an interface {endpoint.Interface} already", e);
        }
        catch (LinuxException e) when (e.Errno is Errno.EINVAL or Errno.EBUSY)
        {
            throw new EngineException(ErrorKind.Internal,
                $"failed to create the {network.Kind} port: {LinuxException.Describe(e.Errno)}: {network.Parent} is a port of a bridge or a bond, is used in mode passthru, or has links of another kind on it", e);
        }
    }

    // None is no fault: a link goes with its parent.
    private void Remove(EndpointPlan endpoint, FileDescriptor sandbox) => Sandbox.Sweep(sandbox, LinkText.GroupOf(links.Options.Owner), name => name != endpoint.Interface);
}
