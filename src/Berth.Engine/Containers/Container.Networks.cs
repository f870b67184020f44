using Berth.Engine.Networks;
using Berth.Model;
using Berth.Network.Files;
using Berth.Storage;

namespace Berth.Engine.Containers;

/// <summary>The networks that a container is in.</summary>
internal sealed partial class Container
{
    /// <summary>Puts the container into one more network; at once when it runs.</summary>
    /// <exception cref="EngineException">Forbidden: it is in it, or shares its network with somebody; what the network refuses.</exception>
    public async Task ConnectAsync(EndpointConfig config, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            ContainerNetwork network = services.Networks.Find(config.Network);
            CheckConnect(network);
            ContainerEndpoint endpoint = services.Sandboxes.ToEndpoint(config);
            string resolverBefore = ResolverText();
            if (HasProcess && sandbox is { } open)
            {
                endpoint = await Task.Run(() => services.Sandboxes.ConnectAsync(record, open, endpoint), CancellationToken.None);
            }

            try
            {
                await CommitAsync(record with { Endpoints = Merge([.. record.Endpoints, endpoint]) }, CancellationToken.None);
                FailPoint.Reach(FailPoints.ConnectRecorded);
            }
            catch when (sandbox is { } connected)
            {
                await Task.Run(() => services.Sandboxes.DisconnectAsync(record, connected, network.Record.Id), CancellationToken.None);
                throw;
            }

            ChangeHosts(network, isAdded: true);
            ChangeResolver(resolverBefore);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Takes the container out of a network; at once when it runs.</summary>
    /// <exception cref="EngineException">Forbidden: it is not in it.</exception>
    public async Task DisconnectAsync(string reference, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            ContainerNetwork? network = services.Networks.TryFind(reference);
            ContainerEndpoint endpoint = FindEndpoint(network, reference);
            if (record.Config.Host.Network == NetworkMode.Host)
            {
                throw new EngineException(ErrorKind.InvalidArgument, "conflicting options: container cannot be disconnected from host network or connected to host network");
            }

            string resolverBefore = ResolverText();
            if (network is not null)
            {
                ChangeHosts(network, isAdded: false);
                if (sandbox is { } open)
                {
                    await Task.Run(() => services.Sandboxes.DisconnectAsync(record, open, network.Record.Id), CancellationToken.None);
                }
            }

            ChangeResolver(resolverBefore);

            // A record that still has the endpoint after a crash has it taken at the next start, which is as it was before.
            await CommitAsync(record with { Endpoints = Merge([.. record.Endpoints.Where(other => other != endpoint)]) }, CancellationToken.None);
            FailPoint.Reach(FailPoints.DisconnectRecorded);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>A container that this one is linked to may have another address.</summary>
    public async Task FollowLinksAsync()
    {
        await gate.WaitAsync();
        try
        {
            if (!HasProcess || sandbox is not { } open)
            {
                return;
            }

            IReadOnlyList<LinkedContainer> linked = links.FindLinked(record, false);
            ChangeHosts(text => HostsFile.Readdress(text, LegacyLinks.Hosts(linked)));
            if (await Task.Run(() => services.Sandboxes.Relink(open, linked), CancellationToken.None))
            {
                await CommitAsync(record with { Endpoints = Merge(record.Endpoints) }, CancellationToken.None);
            }
        }
        catch (Exception exception) when (exception is EngineException or IOException)
        {
            EngineLog.LinkNotFollowed(services.Logger, exception, record.Id.Short); // the other one runs all the same
        }
        finally
        {
            gate.Release();
        }
    }

    private void CheckConnect(ContainerNetwork network)
    {
        ContainerHostOptions host = record.Config.Host;
        if (host.Network == NetworkMode.Container)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "container sharing network namespace with another container or host cannot be connected to any other network");
        }

        if (host.Network == NetworkMode.Host || network.Name == "host")
        {
            throw new EngineException(ErrorKind.InvalidArgument, "container cannot be disconnected from host network or connected to host network");
        }

        if (network.Name == "none" || record.Endpoints.Any(static endpoint => endpoint.NetworkName == "none"))
        {
            throw new EngineException(ErrorKind.InvalidArgument, "container cannot be connected to multiple networks with one of the networks in private (none) mode");
        }

        if (record.Endpoints.Any(endpoint => endpoint.NetworkId == network.Record.Id || (endpoint.NetworkId.Length == 0 && endpoint.Config.Network == network.Name)))
        {
            throw new EngineException(ErrorKind.Forbidden, $"endpoint with name {record.Name} already exists in network {network.Name}");
        }
    }

    // One of a network that is gone is found by the name it had.
    private ContainerEndpoint FindEndpoint(ContainerNetwork? network, string reference) =>
        record.Endpoints.FirstOrDefault(endpoint => network is not null ? endpoint.NetworkId == network.Record.Id : endpoint.NetworkName == reference || endpoint.NetworkId == reference)
            ?? throw (network is null
                ? new EngineException(ErrorKind.NotFound, $"network {reference} not found")
                : new EngineException(ErrorKind.Forbidden, $"container {record.Id} is not connected to network {network.Name}"));

    // What a change of the way out has changed in the other endpoints.
    private IReadOnlyList<ContainerEndpoint> Merge(IReadOnlyList<ContainerEndpoint> endpoints) => sandbox is null
        ? endpoints
        : [.. endpoints.Select(endpoint => sandbox.Endpoints.FirstOrDefault(open => open.NetworkId == endpoint.NetworkId) ?? endpoint)];

    private async Task RenameInNetworksAsync()
    {
        if (sandbox is { } open)
        {
            services.Sandboxes.Rename(record, open);
            await CommitAsync(record with { Endpoints = Merge(record.Endpoints) }, CancellationToken.None);
        }
    }

    private string ResolverText() => sandbox is null ? "" : services.Sandboxes.FilesOf(record, sandbox).ResolvConf;

    // With the first network that has names, and without the last, the container asks others; a file that its user has changed stays.
    private void ChangeResolver(string before)
    {
        string path = Path.Combine(Folder, "resolv.conf"), after = ResolverText();
        try
        {
            if (before != after && ContainerFile.Read(path) == before)
            {
                ContainerFile.Write(path, after);
            }
        }
        catch (IOException exception)
        {
            EngineLog.HostsNotChanged(services.Logger, exception, record.Id.Short);
        }
    }

    // A file that its user has removed or replaced is the user's.
    private void ChangeHosts(ContainerNetwork network, bool isAdded)
    {
        if (sandbox?.Networks.Find(attached => attached.Network == network) is not { } attached)
        {
            return;
        }

        IEnumerable<HostRecord> lines = SandboxService.LinesOf(record, attached);
        ChangeHosts(text => isAdded ? HostsFile.Add(text, lines) : HostsFile.Remove(text, lines));
    }

    private void ChangeHosts(Func<string, string> change)
    {
        string path = Path.Combine(Folder, "hosts");
        try
        {
            string text = ContainerFile.Read(path);
            string changed = change(text);
            if (changed != text)
            {
                ContainerFile.Write(path, changed);
            }
        }
        catch (IOException exception)
        {
            EngineLog.HostsNotChanged(services.Logger, exception, record.Id.Short);
        }
    }
}
