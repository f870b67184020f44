using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Containers;
using Berth.Engine.Networks;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary><c>/networks</c>, and <c>/berth/networks</c>, which docker's API does not have.</summary>
internal sealed class NetworkEndpoints(NetworkService networks, ContainerService containers)
{
    private static readonly string[] ListFilters = ["dangling", "driver", "id", "label", "name", "scope", "type"];

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/networks", (RequestDelegate)ListAsync);
        routes.MapPost("/networks/create", (RequestDelegate)CreateAsync);
        routes.MapPost("/networks/prune", (RequestDelegate)PruneAsync);
        routes.MapGet("/networks/{id}", (RequestDelegate)InspectAsync);
        routes.MapDelete("/networks/{id}", (RequestDelegate)RemoveAsync);
        routes.MapGet("/berth/networks/diagnosis", (RequestDelegate)DiagnoseAsync);
        routes.MapPost("/networks/{id}/connect", (RequestDelegate)ConnectAsync);
        routes.MapPost("/networks/{id}/disconnect", (RequestDelegate)DisconnectAsync);
    }

    // May wait for somebody who is changing the rules.
    private async Task DiagnoseAsync(HttpContext context)
    {
        NetworkDiagnosis found = await Task.Run(networks.Diagnose);
        await JsonBody.WriteAsync(context, DiagnosisMapping.ToAnswer(found, NameOf), ApiJson.Context.NetworkDiagnosisAnswer);
    }

    private static string Id(HttpContext context) => (string)context.Request.RouteValues["id"]!;

    private Task ListAsync(HttpContext context)
    {
        Dictionary<string, List<string>> filters = context.GetFilters(ListFilters, []);
        Check(filters);
        List<NetworkInspect> answer = [.. networks.List().Where(info => filters.All(filter => Fits(info, filter.Key, filter.Value))).Select(info => ToInspect(info, hasContainers: false))];
        return JsonBody.WriteAsync(context, answer, ApiJson.Context.ListNetworkInspect);
    }

    private Task InspectAsync(HttpContext context)
    {
        // What verbose adds is a swarm's.
        if (context.GetText("verbose") is { Length: > 0 } verbose and not ("1" or "t" or "T" or "true" or "TRUE" or "True" or "0" or "f" or "F" or "false" or "FALSE" or "False"))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid value for verbose: {verbose}: strconv.ParseBool: parsing \"{verbose}\": invalid syntax");
        }

        if (context.GetText("scope") is { Length: > 0 } and not "local")
        {
            throw new EngineException(ErrorKind.NotFound, $"network {Id(context)} not found"); // others are a swarm's
        }

        return JsonBody.WriteAsync(context, ToInspect(networks.Inspect(Id(context)), hasContainers: true), ApiJson.Context.NetworkInspect);
    }

    private async Task CreateAsync(HttpContext context)
    {
        NetworkCreateRequest request = await JsonBody.ReadAsync(context, ApiJson.Context.NetworkCreateRequest);
        NetworkInfo made = await networks.CreateAsync(NetworkMapping.Map(request), context.RequestAborted);
        await JsonBody.WriteAsync(context, new NetworkCreateResponse { Id = made.Record.Id }, ApiJson.Context.NetworkCreateResponse, StatusCodes.Status201Created);
    }

    private async Task RemoveAsync(HttpContext context)
    {
        await networks.RemoveAsync(Id(context), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private async Task PruneAsync(HttpContext context)
    {
        PruneFilter filter = PruneFilter.Read(context.GetFilters(PruneFilter.Names, []), DateTimeOffset.UtcNow);

        // As docker, without regard to containers that do not run.
        IReadOnlyList<string> gone = await networks.PruneAsync(info => filter.Includes(info.Record.Created, info.Record.Config.Labels), context.RequestAborted);
        await JsonBody.WriteAsync(context, new NetworksPruneResponse { NetworksDeleted = gone.Count == 0 ? null : [.. gone] }, ApiJson.Context.NetworksPruneResponse);
    }

    private async Task ConnectAsync(HttpContext context)
    {
        NetworkConnectRequest request = await JsonBody.ReadAsync(context, ApiJson.Context.NetworkConnectRequest);
        _ = containers.Inspect(request.Container); // told to be missing before a network is, as docker does
        EndpointConfig config = NetworkMapping.MapEndpoint(networks.Inspect(Id(context)).Record.Config.Name, request.EndpointConfig);
        await containers.ConnectAsync(request.Container, config, context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status200OK;
    }

    private async Task DisconnectAsync(HttpContext context)
    {
        NetworkDisconnectRequest request = await JsonBody.ReadAsync(context, ApiJson.Context.NetworkDisconnectRequest);
        _ = containers.Inspect(request.Container);
        await containers.DisconnectAsync(request.Container, Id(context), context.RequestAborted);
        context.Response.StatusCode = StatusCodes.Status200OK;
    }

    private NetworkInspect ToInspect(NetworkInfo info, bool hasContainers) => NetworkMapping.ToInspect(info, NameOf, hasContainers);

    private string? NameOf(string containerId)
    {
        try
        {
            return containers.Inspect(containerId).Record.Name;
        }
        catch (EngineException)
        {
            return null; // removed in this moment
        }
    }

    private bool Fits(NetworkInfo info, string filter, List<string> values)
    {
        NetworkConfig config = info.Record.Config;
        return values.Count == 0 || filter switch
        {
            "driver" => values.Contains(config.Driver),
            "id" => values.Exists(value => NamePattern.IsMatch(info.Record.Id, value)),
            "name" => values.Exists(value => NamePattern.IsMatch(config.Name, value)),
            "label" => values.TrueForAll(value => value.Split('=', 2) is [var key, .. var rest] && config.Labels.TryGetValue(key, out string? actual) && (rest.Length == 0 || rest[0] == actual)),
            "scope" => values.Contains("local"),
            "type" => values.Contains(info.Record.IsPredefined ? "builtin" : "custom"),
            "dangling" => IsTrue(values[0]) == (!info.Record.IsPredefined && info.Endpoints.Count == 0),
            _ => true, // no other gets here
        };
    }

    private static bool IsTrue(string value) => value is "true" or "1" or "True";

    private static void Check(Dictionary<string, List<string>> filters)
    {
        foreach (string type in filters.GetValueOrDefault("type") ?? [])
        {
            if (type is not ("builtin" or "custom"))
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid filter: 'type'='{type}'");
            }
        }

        List<string> dangling = filters.GetValueOrDefault("dangling") ?? [];
        if (dangling.Count > 1 || dangling.Exists(static value => value is not ("true" or "1" or "True" or "false" or "0" or "False")))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid filter 'dangling={string.Join(',', dangling)}'");
        }
    }
}
