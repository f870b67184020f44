using Berth.Api;

namespace Berth.Client;

public sealed partial class EngineClient
{
    /// <summary><c>GET /networks</c>; the networks' containers are not told here.</summary>
    public Task<List<NetworkInspect>> ListNetworksAsync(IReadOnlyList<KeyValuePair<string, string>> filters, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/networks");
        path.Add("filters", filters);
        return transport.ReadAsync(HttpMethod.Get, path.ToString(), RequestBody.None, ApiJson.Context.ListNetworkInspect, cancellationToken);
    }

    /// <summary><c>GET /networks/{id}</c>.</summary>
    public Task<NetworkInspect> InspectNetworkAsync(string network, CancellationToken cancellationToken = default) => transport.ReadAsync(
        HttpMethod.Get, $"/networks/{Segment(network)}", RequestBody.None, ApiJson.Context.NetworkInspect, cancellationToken);

    /// <summary>Makes a network; returns its id and what the daemon warns of.</summary>
    public Task<NetworkCreateResponse> CreateNetworkAsync(NetworkCreateRequest request, CancellationToken cancellationToken = default) => transport.ReadAsync(
        HttpMethod.Post, "/networks/create", RequestBody.Json(request, ApiJson.Context.NetworkCreateRequest), ApiJson.Context.NetworkCreateResponse, cancellationToken);

    /// <summary>Removes a network that no container is in.</summary>
    public async Task RemoveNetworkAsync(string network, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await transport.SendAsync(HttpMethod.Delete, $"/networks/{Segment(network)}", RequestBody.None, cancellationToken);
        await transport.ReadBodyAsync(response, cancellationToken); // frees the connection for the next request
    }

    /// <summary>Puts a container into a network, at once when it runs.</summary>
    public Task ConnectNetworkAsync(string network, NetworkConnectRequest request, CancellationToken cancellationToken = default) =>
        PostAsync($"/networks/{Segment(network)}/connect", RequestBody.Json(request, ApiJson.Context.NetworkConnectRequest), cancellationToken);

    /// <summary>Takes a container out of a network, at once when it runs.</summary>
    public Task DisconnectNetworkAsync(string network, NetworkDisconnectRequest request, CancellationToken cancellationToken = default) =>
        PostAsync($"/networks/{Segment(network)}/disconnect", RequestBody.Json(request, ApiJson.Context.NetworkDisconnectRequest), cancellationToken);

    /// <summary>What is reachable from outside of the networks, by which rule, and what stands in the way. Berth's own.</summary>
    public Task<NetworkDiagnosisAnswer> DiagnoseNetworksAsync(CancellationToken cancellationToken = default) =>
        transport.ReadAsync(HttpMethod.Get, "/berth/networks/diagnosis", RequestBody.None, ApiJson.Context.NetworkDiagnosisAnswer, cancellationToken);

    /// <summary>Removes the networks of users' own that no container is in; returns their names.</summary>
    public async Task<IReadOnlyList<string>> PruneNetworksAsync(IReadOnlyList<KeyValuePair<string, string>> filters, CancellationToken cancellationToken = default)
    {
        var path = new QueryString("/networks/prune");
        path.Add("filters", filters);
        NetworksPruneResponse answer = await transport.ReadAsync(HttpMethod.Post, path.ToString(), RequestBody.None, ApiJson.Context.NetworksPruneResponse, cancellationToken);
        return answer.NetworksDeleted ?? [];
    }

    private async Task PostAsync(string path, RequestBody body, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await transport.SendAsync(HttpMethod.Post, path, body, cancellationToken);
        await transport.ReadBodyAsync(response, cancellationToken);
    }
}
