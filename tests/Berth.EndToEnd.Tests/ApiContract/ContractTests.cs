using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests.ApiContract;

/// <summary>Every operation of the parts that are built answers with a status that the published contract names, and with a body of the form that it describes.</summary>
public sealed class ContractTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private static readonly string[] Parts = ["Container", "Exec", "Image", "System"];

    // Asked with a context, by tests of their own.
    private static readonly string[] AskedOfBuilds = ["POST /build"];

    // Asked with a registry, by a test of its own.
    private static readonly string[] AskedOfRegistries = ["POST /auth", "POST /images/create", "POST /images/{name}/push", "GET /images/search"];

    private readonly Contract contract = Contract.TryLoad() ?? throw new InvalidOperationException("the fact runs only where there is a contract");
    private readonly HashSet<string> asked = new(StringComparer.Ordinal);
    private readonly List<string> wrong = [];
    private EngineHttp api = fixture.Api;

    [ContractFact]
    public async Task AnswersAreAsTheContractHasThem()
    {
        await AskSystemAsync();
        string id = await AskContainerAsync();
        await AskFilesAsync(id);
        await AskExecAsync(id);
        await AskImagesAsync(id);
        await AskEndAsync(id);
        asked.UnionWith(AskedOfRegistries);
        AssertAllWasAsked(Parts);
    }

    [ContractFact]
    public async Task AnswersAboutRegistriesAreAsTheContractHasThem()
    {
        using DockerRegistry registry = DockerRegistry.Start();
        using var proxy = new FaultProxy(registry.Address);
        proxy.When(
            static request => request.Path == "/v1/search",
            Fault.Answer(200, """{"results":[{"name":"a/b","description":"c","star_count":1,"is_official":false,"is_automated":false}]}""", "Content-Type: application/json"));
        string name = proxy.Address + "/contract";
        static HttpContent WithAuth()
        {
            var content = new StringContent("");
            content.Headers.TryAddWithoutValidation("X-Registry-Auth", "e30=");
            return content;
        }

        await AskAsync("POST /images/{name}/tag", $"?repo={name}&tag=1", id: "busybox");
        await AskAsync("POST /images/{name}/push", "?tag=1", id: name, content: WithAuth);
        await AskAsync("GET /distribution/{name}/json", id: name + ":1");
        await AskAsync("DELETE /images/{name}", id: name + ":1");
        await AskAsync("POST /images/create", $"?fromImage={name}&tag=1");
        await AskAsync("POST /images/create", $"?fromImage={name}&tag=none");
        await AskAsync("GET /images/{name}/json", id: name + ":1");
        await AskAsync("GET /images/search", $"?term={proxy.Address}/b&limit=3");
        await AskAsync("POST /auth", body: new JsonObject { ["username"] = "ann", ["password"] = "word", ["serveraddress"] = proxy.Address });
        await AskAsync("DELETE /images/{name}", id: name + ":1");
        Assert.Superset(new HashSet<string>(AskedOfRegistries, StringComparer.Ordinal), asked);
        AssertAllWasAsked(["Distribution"]);
    }

    /// <summary>The same about networks, with a daemon that has a network namespace of its own: it makes bridges.</summary>
    [ContractFact]
    public async Task AnswersAboutNetworksAreAsTheContractHasThem()
    {
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        api = daemon.Api;
        string network = await MakeAsync("POST /networks/create", body: JsonNode.Parse("""
            {"Name": "contract", "Driver": "bridge", "EnableIPv6": true, "Labels": {"a": "b"}, "Options": {"com.docker.network.driver.mtu": "1400"},
             "IPAM": {"Config": [{"Subnet": "10.97.0.0/24", "IPRange": "10.97.0.128/25", "Gateway": "10.97.0.1", "AuxiliaryAddresses": {"router": "10.97.0.200"}}, {"Subnet": "fd97::/64"}]}}
            """));
        await AskAsync("POST /networks/create", body: new JsonObject { ["Name"] = "other", ["IPAM"] = JsonNode.Parse("""{"Config": [{"Subnet": "10.97.0.0/16"}]}""") });
        JsonObject request = EngineHttp.Request(["sleep", "1000"]);
        request["ExposedPorts"] = JsonNode.Parse("""{"80/tcp": {}, "53/udp": {}}""");
        request["HostConfig"] = JsonNode.Parse("""{"NetworkMode": "contract", "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": ""}]}}""");
        request["NetworkingConfig"] = JsonNode.Parse("""{"EndpointsConfig": {"contract": {"Aliases": ["web"], "IPAMConfig": {"IPv4Address": "10.97.0.9"}}}}""");
        string id = await MakeAsync("POST /containers/create", "?name=contract", body: request);
        await AskAsync("GET /containers/{id}/json", id: id);
        await AskAsync("POST /containers/{id}/start", id: id);
        await AskAsync("GET /containers/{id}/json", id: id);
        await AskAsync("GET /containers/json");
        await AskAsync("GET /networks");
        await AskAsync("GET /networks", "?filters=%7B%22driver%22%3A%5B%22bridge%22%5D%7D");
        await AskAsync("GET /networks/{id}", id: network);
        await AskAsync("GET /networks/{id}", id: "bridge");
        await AskAsync("GET /networks/{id}", id: "nowhere");
        await AskAsync("POST /networks/{id}/connect", id: "bridge", body: new JsonObject { ["Container"] = id });
        await AskAsync("GET /containers/{id}/json", id: id);
        await AskAsync("POST /networks/{id}/connect", id: "bridge", body: new JsonObject { ["Container"] = "nobody" });
        await AskAsync("POST /networks/{id}/disconnect", id: "bridge", body: new JsonObject { ["Container"] = id });
        await AskAsync("POST /networks/{id}/disconnect", id: "bridge", body: new JsonObject { ["Container"] = id });
        await AskAsync("DELETE /networks/{id}", id: network);
        await AskAsync("DELETE /networks/{id}", id: "bridge");
        await AskAsync("POST /containers/{id}/kill", id: id);
        await AskAsync("DELETE /containers/{id}", "?force=1", id: id);
        await AskAsync("DELETE /networks/{id}", id: network);
        await AskAsync("DELETE /networks/{id}", id: network);
        await MakeAsync("POST /networks/create", body: new JsonObject { ["Name"] = "unused" });
        await AskAsync("POST /networks/prune");
        await AskAsync("GET /info");
        await AskAsync("GET /events", "?since=0&until=" + DateTimeOffset.UtcNow.ToUnixTimeSeconds());
        AssertAllWasAsked(["Network"]);
    }

    private void AssertAllWasAsked(IReadOnlyCollection<string> parts)
    {
        IEnumerable<string> built = contract.Operations.Where(operation => operation.Tags.Any(parts.Contains)).Select(static operation => operation.ToString()).Except(AskedOfBuilds);
        wrong.AddRange(built.Except(asked).Select(static name => $"{name} was not asked"));
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private async Task AskSystemAsync()
    {
        await AskAsync("GET /_ping");
        await AskAsync("HEAD /_ping");
        await AskAsync("GET /version");
        await AskAsync("GET /info");
    }

    private async Task<string> AskContainerAsync()
    {
        JsonObject request = EngineHttp.Request(["sh", "-c", "echo out; echo changed >/tmp/file; exec sleep 1000"], tty: true);
        request["Labels"] = new JsonObject { ["contract"] = "yes" };
        request["Healthcheck"] = new JsonObject { ["Test"] = new JsonArray("CMD", "true"), ["Interval"] = 100_000_000 };
        request["ExposedPorts"] = new JsonObject { ["80/tcp"] = new JsonObject() };
        string id = await MakeAsync("POST /containers/create", "?name=contract", body: request);
        await AskAsync("POST /containers/{id}/start", id: id);
        await AskAsync("POST /containers/{id}/start", id: id);
        await Poll.UntilAsync(async () => ((string?)(await api.GetAsync($"/containers/{id}/json")).Json["State"]?["Health"]?["Status"]) == "healthy", "a healthy container");
        await AskAsync("GET /containers/json", "?all=1&size=1");
        await AskAsync("GET /containers/{id}/json", "?size=1", id: id);
        await AskAsync("GET /containers/{id}/top", id: id);
        await AskAsync("GET /containers/{id}/stats", "?stream=0&one-shot=1", id: id);
        await AskAsync("GET /containers/{id}/attach/ws", "?stream=1&stdout=1", id: id);
        await AskAsync("GET /containers/{id}/logs", "?stdout=1", id: id);
        await AskAsync("POST /containers/{id}/resize", "?h=24&w=80", id: id);
        await AskAsync("POST /containers/{id}/pause", id: id);
        await AskAsync("GET /containers/{id}/json", id: id);
        await AskAsync("POST /containers/{id}/unpause", id: id);
        await AskAsync("POST /containers/{id}/update", id: id, body: new JsonObject { ["RestartPolicy"] = new JsonObject { ["Name"] = "unless-stopped" } });
        await AskAsync("POST /containers/{id}/rename", "?name=contract2", id: id);
        await AskAsync("POST /containers/{id}/restart", "?t=0", id: id);
        return id;
    }

    private async Task AskFilesAsync(string id)
    {
        await AskAsync("GET /containers/{id}/changes", id: id);
        await AskAsync("GET /containers/{id}/export", id: id);
        await AskAsync("HEAD /containers/{id}/archive", "?path=/bin", id: id);
        await AskAsync("GET /containers/{id}/archive", "?path=/bin/busybox", id: id);
        await AskAsync("PUT /containers/{id}/archive", "?path=/tmp", id: id, content: () => new ByteArrayContent(new byte[1024])); // an archive without entries
    }

    private async Task AskExecAsync(string id)
    {
        string exec = await MakeAsync("POST /containers/{id}/exec", id: id, body: new JsonObject { ["Cmd"] = new JsonArray("sleep", "1000"), ["Tty"] = true });
        await AskAsync("POST /exec/{id}/start", id: exec, body: new JsonObject { ["Detach"] = true });
        await Poll.UntilAsync(async () => (int?)(await api.GetAsync($"/exec/{exec}/json")).Json["Pid"] > 0, "a running session");
        await AskAsync("GET /exec/{id}/json", id: exec);
        await AskAsync("POST /exec/{id}/resize", "?h=24&w=80", id: exec);
    }

    private async Task AskImagesAsync(string id)
    {
        await AskAsync("POST /commit", $"?container={id}&repo=contract&tag=one&author=a&comment=c", body: new JsonObject { ["Labels"] = new JsonObject { ["a"] = "b" } });
        await AskAsync("GET /images/json", "?all=1&digests=1&shared-size=1");
        await AskAsync("GET /images/json", "?all=1&manifests=1");
        await AskAsync("GET /images/{name}/json", id: "contract:one");
        await AskAsync("GET /images/{name}/json", "?manifests=1", id: "contract:one");
        await AskAsync("GET /images/{name}/history", id: "contract:one");
        await AskAsync("POST /images/{name}/tag", "?repo=contract&tag=two", id: "contract:one");
        await AskAsync("GET /images/get", "?names=contract:one&names=contract:two");
        byte[] archive = await api.GetBytesAsync("/images/contract:one/get");
        await AskAsync("GET /images/{name}/get", id: "contract:one");
        await AskAsync("POST /images/load", content: () => new ByteArrayContent(archive));
        await AskAsync("GET /system/df");
        await AskAsync("GET /containers/json", "?all=1");
        await AskAsync("DELETE /images/{name}", id: "contract:two");
        await AskAsync("DELETE /images/{name}", id: "contract:one");
        await AskAsync("POST /images/prune");
        await AskAsync("POST /build/prune");
    }

    private async Task AskEndAsync(string id)
    {
        await AskAsync("POST /containers/{id}/kill", "?signal=TERM", id: id);
        await AskAsync("POST /containers/{id}/stop", "?t=0", id: id);
        await AskAsync("POST /containers/{id}/wait", id: id);
        await AskAsync("POST /containers/{id}/attach", "?logs=1&stdout=1", id: id);
        await AskAsync("GET /containers/{id}/json", id: id);
        await AskAsync("DELETE /containers/{id}", id: id);
        await AskAsync("DELETE /containers/{id}", id: "nobody");
        await AskAsync("POST /containers/prune");
        await AskAsync("GET /events", "?since=0&until=" + DateTimeOffset.UtcNow.ToUnixTimeSeconds());
    }

    // The id of what was made.
    private async Task<string> MakeAsync(string name, string query = "", string? id = null, JsonNode? body = null)
    {
        JsonNode? made = await AskAsync(name, query, id, body);
        return (string?)made?["Id"] ?? throw new Xunit.Sdk.XunitException($"{name} made nothing:\n{string.Join('\n', wrong)}");
    }

    // The answer as JSON, the last one of a stream; null when it is none.
    private async Task<JsonNode?> AskAsync(string name, string query = "", string? id = null, JsonNode? body = null, Func<HttpContent>? content = null)
    {
        Contract.Operation operation = contract.Operations.Single(candidate => candidate.ToString() == name);
        asked.Add(name);
        string path = "/v1.51" + operation.Path.Replace("{id}", id, StringComparison.Ordinal).Replace("{name}", id, StringComparison.Ordinal) + query;
        using HttpContent? sent = content?.Invoke() ?? (body is null ? null : new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"));
        Reply reply = await api.SendAsync(new HttpMethod(operation.Method), path, sent);
        int status = (int)reply.Status;
        string where = $"{operation.Method} {path}: {status}";
        if (!operation.MayAnswer(status) || status >= 500)
            wrong.Add($"{where}, which the contract does not name: {reply.Text}");
        if (operation.Schema(status) is not { } schema || operation.Method == "HEAD" || (string?)schema["format"] == "binary" || IsText(operation))
            return null;
        JsonNode? last = null;
        foreach (string line in IsStream(operation) ? reply.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries) : [reply.Text])
        {
            last = JsonNode.Parse(line);
            wrong.AddRange(SchemaCheck.Compare(contract.Definitions, schema, last, where));
        }

        return last;
    }

    private static bool IsStream(Contract.Operation operation) => operation.Path == "/events";

    private static bool IsText(Contract.Operation operation) =>
        operation.Body["produces"] is JsonArray { Count: > 0 } kinds && !kinds.Any(static kind => (string?)kind == "application/json");
}
