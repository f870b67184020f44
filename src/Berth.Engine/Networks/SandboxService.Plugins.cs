using System.Security.Cryptography;
using Berth.Engine.Containers;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Ipvlan;
using Berth.Network.Drivers.Remote;
using Berth.Network.Ipam;
using Berth.Network.Ipam.Remote;
using Berth.Network.Ports;
using Berth.Network.Sandboxes;

namespace Berth.Engine.Networks;

/// <summary>What containers have in networks that plugins make, or give the addresses of. Only the container itself waits for a plugin.</summary>
public sealed partial class SandboxService
{
    /// <summary>Has plugins make the links of a planned sandbox, after <see cref="Open"/>: only their answers complete the plan.</summary>
    /// <exception cref="EngineException">What a plugin fails with. What it was told until then is taken back by <see cref="CloseAsync"/>.</exception>
    internal async Task JoinAsync(ContainerRecord record, ContainerSandbox sandbox)
    {
        if (!sandbox.Networks.Exists(static attached => attached.Part is not null))
        {
            return;
        }

        try
        {
            for (int i = 0; i < sandbox.Networks.Count; i++)
            {
                await JoinPartAsync(sandbox, i);
            }

            Settle(record, sandbox);
        }
        catch (EngineException exception)
        {
            throw SetUpFailure(exception);
        }
    }

    private static Exception SetUpFailure(Exception exception) =>
        exception is EngineException known ? new EngineException(known.Kind, "failed to set up container networking: " + known.Message, known) : exception;

    private async Task<AttachedNetwork> AttachAsync(ContainerRecord record, ContainerSandbox sandbox, ContainerNetwork network, ContainerEndpoint endpoint)
    {
        if (network.Plan is not RemotePlan)
        {
            EndpointSysctls.ThrowIfOther(endpoint.Config.DriverOptions); // of a network that was not there when the container was made
        }

        string name = NextInterface(sandbox, network);
        return network is { RemoteAddresses: null, Plan: not RemotePlan } || network.Plan is null ? Attach(record, network, endpoint, name) : await AttachRemoteAsync(record, sandbox, network, endpoint, name);
    }

    private async Task<AttachedNetwork> AttachRemoteAsync(ContainerRecord record, ContainerSandbox sandbox, ContainerNetwork network, ContainerEndpoint endpoint, string interfaceName)
    {
        string id = RandomNumberGenerator.GetHexString(64, lowercase: true);
        network.Hold(id, sandbox.ContainerId);
        RemoteEndpointAddresses got;
        try
        {
            got = await TakeAsync(network, RequestOf(endpoint.Config));
        }
        catch
        {
            network.LetGo(id);
            throw;
        }

        RemoteEndpoint? told = null;
        try
        {
            told = network.Plan is RemotePlan plan ? await CreateEndpointAsync(record, sandbox, plan, endpoint.Config, id, got) : null;
            got = told is null ? got : new RemoteEndpointAddresses(told.Addresses, told.IPv4PrefixLength, told.IPv6PrefixLength);
            EndpointAddresses addresses = got.Addresses;
            var state = new EndpointState
            {
                Id = id,
                Interface = interfaceName,
                IPv4 = addresses.IPv4?.ToString() ?? "",
                IPv4PrefixLength = got.IPv4PrefixLength,
                IPv4Gateway = WayOutOf(network, addresses.IPv4)?.Gateway?.ToString() ?? "",
                IPv6 = addresses.IPv6?.ToString() ?? "",
                IPv6PrefixLength = got.IPv6PrefixLength,
                IPv6Gateway = WayOutOf(network, addresses.IPv6)?.Gateway?.ToString() ?? "",
                Mac = network.Plan is IpvlanPlan ? "" : addresses.Mac.ToString(),
                IsWithoutPorts = network.Plan is { CanPublish: false },
                Names = NamesOf(record, endpoint.Config),
            };
            ContainerEndpoint known = endpoint with { NetworkId = network.Record.Id, NetworkName = network.Name, State = state };
            return new AttachedNetwork(network, known, addresses, PlanOf(network, endpoint.Config, state, addresses)) { Part = told is null ? null : new PluginPart(told, false, false) };
        }
        catch
        {
            if (told is not null)
            {
                await QuietlyAsync(new PluginPart(told, false, false), networks.Plugins.Networks.DeleteEndpointAsync);
            }

            await ReleaseAsync(network, id, got.Addresses);
            throw;
        }
    }

    private async Task<RemoteEndpoint> CreateEndpointAsync(
        ContainerRecord record, ContainerSandbox sandbox, RemotePlan plan, EndpointConfig config, string id, RemoteEndpointAddresses addresses)
    {
        try
        {
            return await networks.Plugins.Networks.CreateEndpointAsync(new RemoteEndpoint
            {
                Driver = plan.Driver,
                NetworkId = plan.Id,
                Id = id,
                Addresses = addresses.Addresses,
                IPv4PrefixLength = addresses.IPv4PrefixLength,
                IPv6PrefixLength = addresses.IPv6PrefixLength,
                IsMacAsked = config.Mac.Length > 0,
                Options = config.DriverOptions,
                Ports = PortsOf(record),
                ArePortsToldFirst = !plan.IsInternal && sandbox.Ports is null, // as docker, of ports that nobody publishes yet
            });
        }
        catch (EngineException exception)
        {
            throw new EngineException(exception.Kind, $"failed to create endpoint {record.Name} on network {networks.Find(plan.Id).Name}: {exception.Message}", exception);
        }
    }

    private static async Task<RemoteEndpointAddresses> TakeAsync(ContainerNetwork network, EndpointAddressRequest request)
    {
        if (network.RemoteAddresses is not { } remote)
        {
            // A plugin's network by the engine's addresses. Its links have MACs of their own, unless a user says one.
            EndpointAddresses taken = network.Addresses.Take(request);
            return new RemoteEndpointAddresses(
                string.IsNullOrEmpty(request.Mac) ? taken with { Mac = default } : taken, PoolOf(network, taken.IPv4)?.Subnet.PrefixLength ?? 0, PoolOf(network, taken.IPv6)?.Subnet.PrefixLength ?? 0);
        }

        RemoteEndpointAddresses got = await remote.TakeAsync(request);
        if (network.Plan is RemotePlan || !got.Addresses.Mac.IsEmpty)
        {
            return got;
        }

        MacAddress mac = got.Addresses.IPv4 is { } ipv4 ? MacAddress.Of(ipv4) : MacAddress.Random();
        return got with { Addresses = got.Addresses with { Mac = mac } };
    }

    private async Task JoinPartAsync(ContainerSandbox sandbox, int index)
    {
        AttachedNetwork attached = sandbox.Networks[index];
        if (attached.Part is not { IsJoined: false } part || sandbox.Namespace is not { } made)
        {
            return;
        }

        RemoteJoin join = await networks.Plugins.Networks.JoinAsync(part.Endpoint, made.Path);
        string name = join.Prefix.Length == 0 ? attached.Endpoint.State!.Interface : FreeInterface(sandbox, join.Prefix, except: attached); // planned before
        EndpointState state = attached.Endpoint.State! with
        {
            Interface = name,
            IPv4Gateway = join.Link.IPv4Gateway?.ToString() ?? "",
            IPv6Gateway = join.Link.IPv6Gateway?.ToString() ?? "",
            PluginLink = new PluginLinkState(join.Link.Source, [.. join.Link.Routes.Select(static route => new RouteState(route.Destination.ToString(), route.NextHop?.ToString() ?? ""))]),
        };
        sandbox.Networks[index] = With(attached, state) with { Part = part with { IsJoined = true } };
    }

    // The one that has the way out has the ports.
    private async Task FollowWayOutAsync(ContainerRecord record, ContainerSandbox sandbox)
    {
        foreach (bool isWanted in (bool[])[false, true])
        {
            for (int i = 0; i < sandbox.Networks.Count; i++)
            {
                AttachedNetwork attached = sandbox.Networks[i];
                bool isWayOut = attached.Endpoint.State is { IsIPv4Gateway: true } or { IsIPv6Gateway: true } && !attached.Network.Record.Config.IsInternal;
                if (attached.Part is not { IsJoined: true } part || isWayOut != isWanted || part.IsProgrammed == isWanted)
                {
                    continue;
                }

                await ProgramAsync(record, part, isWanted);
                sandbox.Networks[i] = attached with { Part = part with { IsProgrammed = isWanted } };
            }
        }
    }

    // After what has happened already: that it happened is told, and not that its ports are not published.
    private async Task FollowWayOutQuietlyAsync(ContainerRecord record, ContainerSandbox sandbox)
    {
        try
        {
            await FollowWayOutAsync(record, sandbox);
        }
        catch (EngineException exception)
        {
            EngineLog.WayOutNotFollowed(logger, exception, record.Id.Short);
        }
    }

    private async Task ProgramAsync(ContainerRecord record, PluginPart part, bool isWanted)
    {
        if (!isWanted)
        {
            await QuietlyAsync(part, networks.Plugins.Networks.RevokeAsync);
            return;
        }

        try
        {
            await networks.Plugins.Networks.ProgramAsync(part.Endpoint);
        }
        catch (EngineException exception)
        {
            throw new EngineException(exception.Kind, $"driver failed programming external connectivity on endpoint {record.Name} ({part.Endpoint.Id}): {exception.Message}", exception);
        }
    }

    // The end of a container waits for no plugin that is gone: what it is not told is told in the log. The link goes back before the plugin forgets the endpoint.
    private async Task EndPartAsync(AttachedNetwork attached, Sandbox? made)
    {
        if (attached.Part is not { } part)
        {
            return;
        }

        RemoteNetworks plugins = networks.Plugins.Networks;
        bool isThere = !part.IsProgrammed || await QuietlyAsync(part, plugins.RevokeAsync);
        isThere = !part.IsJoined || (isThere && await QuietlyAsync(part, plugins.LeaveAsync));
        if (attached is { IsApplied: true, Plan: { } plan } && made is not null)
        {
            try
            {
                made.Disconnect(kernel, plan);
            }
            catch (EngineException exception)
            {
                EngineLog.EndpointStays(logger, exception, plan.Id);
            }
        }

        if (isThere)
        {
            await QuietlyAsync(part, plugins.DeleteEndpointAsync);
        }
    }

    // False: the plugin is gone.
    private async Task<bool> QuietlyAsync(PluginPart part, Func<RemoteEndpoint, Task> step)
    {
        try
        {
            await step(part.Endpoint);
            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            EngineLog.PluginKeepsEndpoint(logger, exception, part.Endpoint.Id, part.Endpoint.NetworkId);
            return exception is not EngineException { Kind: ErrorKind.Unavailable or ErrorKind.NotFound };
        }
    }

    private Task ReleaseAsync(AttachedNetwork attached, EndpointAddresses addresses) => ReleaseAsync(attached.Network, attached.Endpoint.State?.Id ?? "", addresses);

    private async Task ReleaseAsync(ContainerNetwork network, string id, EndpointAddresses addresses)
    {
        if (network.RemoteAddresses is not { } remote)
        {
            network.Addresses.Release(addresses);
            network.LetGo(id);
            return;
        }

        try
        {
            await remote.ReleaseAsync(addresses);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            EngineLog.PluginKeepsEndpoint(logger, exception, id, network.Name);
        }
        finally
        {
            network.LetGo(id);
        }
    }

    private static string FreeInterface(ContainerSandbox sandbox, string prefix, AttachedNetwork except)
    {
        HashSet<string> taken = [.. sandbox.Networks.Where(other => other != except).Select(static attached => attached.Endpoint.State!.Interface)]; // it runs
        return Enumerable.Range(0, int.MaxValue).Select(number => $"{prefix}{number}").First(name => !taken.Contains(name));
    }

    private static RemoteLink? LinkOf(EndpointState state) => state.PluginLink is not { } link ? null : new RemoteLink
    {
        Source = link.Source,
        IPv4Gateway = state.IPv4Gateway.Length > 0 ? NetAddress.Parse(state.IPv4Gateway) : null,
        IPv6Gateway = state.IPv6Gateway.Length > 0 ? NetAddress.Parse(state.IPv6Gateway) : null,
        IPv4PrefixLength = state.IPv4PrefixLength,
        IPv6PrefixLength = state.IPv6PrefixLength,
        Routes = [.. link.Routes.Select(static route => (Subnet.Parse(route.Destination), route.NextHop.Length > 0 ? NetAddress.Parse(route.NextHop) : (NetAddress?)null))],
    };

    // What a plugin was told by a daemon before this one.
    private static PluginPart? PartOf(ContainerRecord record, ContainerNetwork network, EndpointConfig config, EndpointState state, EndpointAddresses addresses)
    {
        if (network.Plan is not RemotePlan plan)
        {
            return null;
        }

        bool isWayOut = (state.IsIPv4Gateway || state.IsIPv6Gateway) && !plan.IsInternal;
        var endpoint = new RemoteEndpoint
        {
            Driver = plan.Driver,
            NetworkId = plan.Id,
            Id = state.Id,
            Addresses = addresses,
            IPv4PrefixLength = state.IPv4PrefixLength,
            IPv6PrefixLength = state.IPv6PrefixLength,
            Options = config.DriverOptions,
            Ports = PortsOf(record),
        };
        return new PluginPart(endpoint, IsJoined: true, isWayOut);
    }

    private static RemotePorts PortsOf(ContainerRecord record)
    {
        List<PortRequest> published = PortBindings.RequestsOf(record.Config);
        IEnumerable<string> texts = record.Config.ExposedPorts is { } map ? map.Keys : [];
        return new RemotePorts([.. texts.Select(PortBindings.Parse).Union(published.Select(static port => (port.Protocol, port.ContainerPort)))], published);
    }
}
