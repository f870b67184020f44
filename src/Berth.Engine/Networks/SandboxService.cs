using System.Security.Cryptography;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Network.Dns;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Drivers.Remote;
using Berth.Network.Files;
using Berth.Network.Ipam;
using Berth.Network.Ports;
using Berth.Network.Sandboxes;
using Berth.Storage;
using Microsoft.Extensions.Logging;

namespace Berth.Engine.Networks;

/// <summary>
/// Puts containers into networks: plans in memory first (addresses, ports), then makes what was planned, and takes it back in the opposite order. Safe for concurrent
/// use by different containers.
/// </summary>
/// <param name="networks">Which there are.</param>
/// <param name="kernel">What makes links, routes and rules.</param>
/// <param name="ports">The host's ports.</param>
/// <param name="names">Serves the resolvers.</param>
/// <param name="logger">Where what does not fail an operation is told.</param>
public sealed partial class SandboxService(NetworkService networks, HostNetwork kernel, PortReservations ports, DnsServer names, ILogger logger)
{
    private const int ShortIdLength = 12;
    private readonly UpstreamServers upstreams = new();

    /// <summary>The endpoints that a new container has: in the network of its mode, and in those that were named besides.</summary>
    /// <param name="host">Its mode.</param>
    /// <param name="asked">What was asked of each.</param>
    /// <exception cref="EngineException">InvalidArgument for what no network of this kind gives.</exception>
    internal IReadOnlyList<ContainerEndpoint> EndpointsOf(ContainerHostOptions host, IReadOnlyList<EndpointConfig> asked)
    {
        if (host.Network == NetworkMode.Container)
        {
            return asked.Count == 0 ? [] : throw new EngineException(ErrorKind.InvalidArgument, "conflicting options: container sharing network namespace with another container or host cannot be connected to any other network");
        }

        string mode = host.Network switch
        {
            NetworkMode.Default => networks.DefaultNetwork,
            NetworkMode.Host => "host",
            NetworkMode.None => "none",
            _ => host.NetworkText,
        };
        var first = new EndpointConfig { Network = mode };
        List<EndpointConfig> configs = [];
        foreach (EndpointConfig config in asked)
        {
            bool isFirst = config.Network == "default" || config.Network == mode || (host.Network == NetworkMode.Default && config.Network is "bridge" or "none");
            if (isFirst)
            {
                first = config with { Network = mode };
            }
            else
            {
                configs.Add(config);
            }
        }

        if (configs.Count > 0 && host.Network is NetworkMode.Host or NetworkMode.None)
        {
            throw new EngineException(ErrorKind.InvalidArgument, host.Network == NetworkMode.Host
                ? "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
                : "container cannot be connected to multiple networks with one of the networks in private (none) mode");
        }

        if (LegacyLinks.IsOfUsersNetwork(host) && host.Links is { } links && first.Links.Count == 0)
        {
            first = first with { Links = links };
        }

        return [.. configs.Prepend(first).Select(ToEndpoint)];
    }

    /// <summary>Checks what is asked of a network, as far as the network is there, and notes which it is.</summary>
    /// <exception cref="EngineException">InvalidArgument.</exception>
    internal ContainerEndpoint ToEndpoint(EndpointConfig config)
    {
        ContainerNetwork? network = networks.TryFind(config.Network);
        Check(config, network);
        return new ContainerEndpoint { Config = config, NetworkId = network?.Record.Id ?? "", NetworkName = network?.Name ?? config.Network };
    }

    /// <summary>Plans a run: addresses and ports are taken, nothing is made. What it returns must be closed and released.</summary>
    /// <param name="record">The container.</param>
    /// <param name="linked">What it is linked to on the default network.</param>
    /// <exception cref="EngineException">In docker's words: a network that is not there, no address left, a port that is taken.</exception>
    internal async Task<ContainerSandbox> PlanAsync(ContainerRecord record, IReadOnlyList<LinkedContainer> linked)
    {
        var sandbox = new ContainerSandbox(record.Id.ToString()) { Linked = linked };
        try
        {
            foreach (ContainerEndpoint endpoint in record.Endpoints)
            {
                ContainerNetwork network = FindOf(endpoint);
                Check(endpoint.Config, network);
                if (network.Plan is null && record.Config.Host.Network == NetworkMode.Named)
                {
                    throw new EngineException(ErrorKind.InvalidArgument, $"the network {network.Name} is asked for by its name alone: --network {network.Name}");
                }

                AttachedNetwork attached = await AttachAsync(record, sandbox, network, endpoint);
                sandbox.Networks.Add(IsDefault(network) && linked.Count > 0 ? With(attached, attached.Endpoint.State! with { Links = StatesOf(linked) }) : attached); // it was planned just now
            }

            if (!sandbox.Networks.Exists(static attached => attached.Part is not null))
            {
                Settle(record, sandbox);
            }

            FailPoint.Reach(FailPoints.PlugPlanned);
            return sandbox;
        }
        catch (Exception exception)
        {
            await (sandbox.Ports?.DisposeAsync() ?? ValueTask.CompletedTask);
            foreach (AttachedNetwork attached in sandbox.Networks)
            {
                await EndPartAsync(attached, sandbox.Namespace);
            }

            await ReleaseAsync(sandbox);
            throw SetUpFailure(exception);
        }
    }

    /// <summary>Makes the namespace of a planned sandbox, still empty; nothing for one that needs none.</summary>
    internal void Open(ContainerRecord record, ContainerSandbox sandbox)
    {
        if (record.Config.Host.Network is NetworkMode.Named or NetworkMode.Default && sandbox.Networks.Exists(static attached => attached.Plan is not null))
        {
            sandbox.Namespace = Sandbox.Create();
            FailPoint.Reach(FailPoints.PlugOpened);
        }
    }

    /// <summary>Makes what was planned.</summary>
    /// <exception cref="EngineException">Internal with the kernel's words.</exception>
    internal async Task ApplyAsync(ContainerRecord record, ContainerSandbox sandbox)
    {
        if (sandbox.Namespace is { } made)
        {
            for (int i = 0; i < sandbox.Networks.Count; i++)
            {
                Connect(sandbox, i, made);
                FailPoint.Reach(FailPoints.PlugLinked);
            }

            await FollowWayOutAsync(record, sandbox);
            await StartProxiesAsync(sandbox);
            ServeNames(record, sandbox);
            FailPoint.Reach(FailPoints.PlugServed);
        }

        foreach (AttachedNetwork attached in sandbox.Networks)
        {
            networks.Publish(attached.Network.Record, "connect", sandbox.ContainerId);
        }
    }

    /// <summary>Takes up a container that runs since before this daemon did; the kernel has everything still.</summary>
    internal async Task<ContainerSandbox> AdoptAsync(ContainerRecord record, ContainerSandbox found)
    {
        if (record.Config.Host.Network is NetworkMode.Named or NetworkMode.Default && found.Namespace is null && record.State.Pid > 0)
        {
            found.Namespace = Sandbox.Of(record.State.Pid);
            found.Namespace.Adopt(kernel, [.. found.Networks.Select(static attached => attached.Plan).OfType<EndpointPlan>()]);
            await StartProxiesAsync(found);
            ServeNames(record, found);
        }

        return found;
    }

    /// <summary>What a container that is said to run had; nothing is taken twice. Networks that are gone are left out.</summary>
    internal ContainerSandbox Recall(ContainerRecord record)
    {
        var sandbox = new ContainerSandbox(record.Id.ToString());
        foreach (ContainerEndpoint endpoint in record.Endpoints)
        {
            if (endpoint.State is { } state && networks.TryFind(endpoint.NetworkId) is { } network)
            {
                EndpointAddresses? addresses = AddressesOf(state);
                if (addresses is not null && network.RemoteAddresses is null)
                {
                    network.Addresses.Restore([addresses]);
                }

                network.Enter(sandbox.ContainerId, state);
                if (addresses is not null && network is { RemoteAddresses: not null } or { Plan: RemotePlan })
                {
                    network.Hold(state.Id, sandbox.ContainerId);
                }

                sandbox.Networks.Add(new AttachedNetwork(network, endpoint, addresses, addresses is null ? null : PlanOf(network, endpoint.Config, state, addresses))
                {
                    IsApplied = addresses is not null,
                    Part = addresses is null ? null : PartOf(record, network, endpoint.Config, state, addresses),
                });
            }
        }

        List<PortState> published = [.. sandbox.Networks.SelectMany(static attached => attached.Endpoint.State!.Ports)];
        if (published.Count > 0)
        {
            sandbox.Ports = ports.Restore([.. published.Select(ToPort)], TargetOf(sandbox), out IReadOnlyList<string> lost);
            foreach (string problem in lost)
            {
                EngineLog.PortLost(logger, record.Id.Short, problem);
            }
        }

        return sandbox;
    }

    /// <summary>Puts a container that runs into one more network.</summary>
    internal async Task<ContainerEndpoint> ConnectAsync(ContainerRecord record, ContainerSandbox sandbox, ContainerEndpoint endpoint)
    {
        ContainerNetwork network = FindOf(endpoint);
        sandbox.Networks.Add(await AttachAsync(record, sandbox, network, endpoint));
        try
        {
            await JoinPartAsync(sandbox, sandbox.Networks.Count - 1);
            List<AttachedNetwork> before = [.. sandbox.Networks];
            ChooseGateways(sandbox);
            int index = sandbox.Networks.Count - 1;
            sandbox.Networks[index].Network.Enter(sandbox.ContainerId, sandbox.Networks[index].Endpoint.State!); // planned just now
            if (sandbox.Namespace is { } made)
            {
                Connect(sandbox, index, made);
                FailPoint.Reach(FailPoints.ConnectLinked);
                Reroute(sandbox, before, made);
                await FollowWayOutAsync(record, sandbox);
                ServeNames(record, sandbox);
                FailPoint.Reach(FailPoints.ConnectRerouted);
            }

            networks.Publish(network.Record, "connect", sandbox.ContainerId);
            return sandbox.Networks[index].Endpoint;
        }
        catch
        {
            List<AttachedNetwork> left = [.. sandbox.Networks];
            await DisconnectAsync(sandbox, sandbox.Networks.FindIndex(other => other.Network == network), isTold: false);
            ChooseGateways(sandbox);
            if (sandbox.Namespace is { } made)
            {
                Reroute(sandbox, left, made); // the new one may have been the way out already
                await FollowWayOutQuietlyAsync(record, sandbox);
            }

            throw;
        }
    }

    /// <summary>Takes a container that runs out of a network; its addresses are free when this returns.</summary>
    internal async Task DisconnectAsync(ContainerRecord record, ContainerSandbox sandbox, string networkId)
    {
        int index = sandbox.Networks.FindIndex(attached => attached.Network.Record.Id == networkId);
        if (index >= 0)
        {
            await DisconnectAsync(sandbox, index, isTold: true);
            FailPoint.Reach(FailPoints.DisconnectUnlinked);
            List<AttachedNetwork> before = [.. sandbox.Networks];
            ChooseGateways(sandbox);
            if (sandbox.Namespace is { } made)
            {
                Reroute(sandbox, before, made);
                await FollowWayOutQuietlyAsync(record, sandbox);
                ServeNames(record, sandbox);
                FailPoint.Reach(FailPoints.DisconnectRerouted);
            }
        }
    }

    /// <summary>A container that this one is linked to has another address.</summary>
    /// <returns>Whether there is anything new to record.</returns>
    internal bool Relink(ContainerSandbox sandbox, IReadOnlyList<LinkedContainer> linked)
    {
        int index = sandbox.Networks.FindIndex(static attached => IsDefault(attached.Network));
        if (index < 0 || sandbox.Networks[index] is not { Endpoint.State: { } state } attached || state.Links.SequenceEqual(StatesOf(linked)))
        {
            return false;
        }

        sandbox.Networks[index] = With(attached, state with { Links = StatesOf(linked) });
        if (sandbox is { Namespace: { } made } && sandbox.Networks[index] is { IsApplied: true, Plan: { } plan })
        {
            made.Reroute(kernel, plan);
        }

        return true;
    }

    /// <summary>The container has another name.</summary>
    internal void Rename(ContainerRecord record, ContainerSandbox sandbox)
    {
        for (int i = 0; i < sandbox.Networks.Count; i++)
        {
            AttachedNetwork attached = sandbox.Networks[i];
            if (attached.Endpoint.State is { Names.Count: > 0 } state)
            {
                ContainerEndpoint renamed = attached.Endpoint with { State = state with { Names = NamesOf(record, attached.Endpoint.Config) } };
                sandbox.Networks[i] = attached with { Endpoint = renamed };
                SetNames(sandbox.Networks[i], record.Name);
            }
        }
    }

    /// <summary>The end of a run: nobody finds the container any more, and the kernel forgets it. Its addresses stay taken until <see cref="Release"/>.</summary>
    internal async ValueTask CloseAsync(ContainerSandbox sandbox)
    {
        if (sandbox.Names is { } listener)
        {
            sandbox.Names = null;
            await listener.DisposeAsync();
        }

        foreach (AttachedNetwork attached in sandbox.Networks)
        {
            attached.Network.Leave(sandbox.ContainerId);
            if (attached.Endpoint.State is { } state)
            {
                attached.Network.Names.Remove(state.Id);
            }

            await EndPartAsync(attached, sandbox.Namespace);
            if (attached is { IsApplied: true, Plan: { } plan })
            {
                try
                {
                    kernel.Forget(plan);
                }
                catch (EngineException exception)
                {
                    EngineLog.EndpointStays(logger, exception, plan.Id);
                }

                networks.Publish(attached.Network.Record, "disconnect", sandbox.ContainerId);
            }
        }

        if (sandbox.Ports is { } reserved)
        {
            sandbox.Ports = null;
            await reserved.DisposeAsync();
        }

        sandbox.Namespace?.Dispose();
        sandbox.Namespace = null;
        FailPoint.Reach(FailPoints.UnplugClosed);
    }

    /// <summary>Lets go of a container without touching it: it runs on.</summary>
    internal static async ValueTask ForgetAsync(ContainerSandbox sandbox)
    {
        if (sandbox.Names is { } listener)
        {
            await listener.DisposeAsync();
        }

        if (sandbox.Ports is { } reserved)
        {
            await reserved.DisposeAsync();
        }

        sandbox.Namespace?.Dispose();
    }

    /// <summary>Gives addresses back, once no record has them any more.</summary>
    internal async Task ReleaseAsync(ContainerSandbox sandbox)
    {
        foreach (AttachedNetwork attached in sandbox.Networks)
        {
            attached.Network.Leave(sandbox.ContainerId);
            if (attached.Addresses is { } addresses)
            {
                await ReleaseAsync(attached, addresses);
            }
        }

        sandbox.Networks.Clear();
    }

    private PortTarget TargetOf(ContainerSandbox sandbox)
    {
        AttachedNetwork gateway = sandbox.Networks.First(static attached => attached.Endpoint.State is { IsIPv4Gateway: true } or { IsIPv6Gateway: true });
        var plan = gateway.Network.Plan as BridgePlan;
        return new PortTarget
        {
            HasProxy = networks.Options.HasProxy,
            IPv4 = gateway.Addresses?.IPv4,
            IPv6 = gateway.Addresses?.IPv6,
            DefaultHostAddress = gateway.Network.Record.Config.Options.TryGetValue(BridgeOptions.HostBinding, out string? text) && text.Length > 0 ? NetAddress.Parse(text) : NetAddress.IPv4(0),
            IsIPv4Routed = plan?.IPv4Mode == GatewayMode.Routed,
            IsIPv6Routed = plan?.IPv6Mode == GatewayMode.Routed,
        };
    }

    private void Connect(ContainerSandbox sandbox, int index, Sandbox made)
    {
        if (sandbox.Networks[index] is { Plan: { } plan } attached)
        {
            made.Connect(kernel, plan);
            sandbox.Networks[index] = attached with { IsApplied = true };
        }
    }

    private static Task StartProxiesAsync(ContainerSandbox sandbox) => sandbox.Ports?.StartProxiesAsync() ?? Task.CompletedTask;

    private void Reroute(ContainerSandbox sandbox, List<AttachedNetwork> before, Sandbox made)
    {
        // The new way first, so that there is always one.
        foreach (AttachedNetwork attached in sandbox.Networks.Where(static attached => attached is { IsApplied: true, Plan: not null }).OrderByDescending(static attached => attached.Plan!.IsIPv4Gateway || attached.Plan.IsIPv6Gateway))
        {
            EndpointPlan? old = before.Find(other => other.Network == attached.Network)?.Plan;
            if (old is not null && (old.IsIPv4Gateway, old.IsIPv6Gateway) != (attached.Plan!.IsIPv4Gateway, attached.Plan.IsIPv6Gateway))
            {
                made.Reroute(kernel, attached.Plan);
            }
        }
    }

    private async Task DisconnectAsync(ContainerSandbox sandbox, int index, bool isTold)
    {
        AttachedNetwork attached = sandbox.Networks[index];
        sandbox.Networks.RemoveAt(index);
        attached.Network.Leave(sandbox.ContainerId);
        attached.Network.Names.Remove(attached.Endpoint.State!.Id); // it runs
        await EndPartAsync(attached, sandbox.Namespace);
        try
        {
            if (attached is { IsApplied: true, Plan: { } plan })
            {
                if (sandbox.Namespace is { } made)
                {
                    made.Disconnect(kernel, plan);
                }
                else
                {
                    kernel.Forget(plan);
                }
            }
        }
        finally
        {
            if (attached.Addresses is { } addresses)
            {
                await ReleaseAsync(attached, addresses);
            }
        }

        if (isTold)
        {
            networks.Publish(attached.Network.Record, "disconnect", sandbox.ContainerId);
        }
    }
}
