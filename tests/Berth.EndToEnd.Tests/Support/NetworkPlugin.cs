using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Berth.Plugins.Tests;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>
/// A plugin that makes networks and gives addresses, as a stranger would write one: a bridge for each network and a veth pair for each endpoint, by ip(8) in the daemon's namespace. What the
/// daemon sends is noted, with the ids replaced by what they are of.
/// </summary>
internal sealed class NetworkPlugin : IDisposable
{
    public const string Bridge = "plug0";
    private readonly string folder;
    private readonly string namespacePath;
    private readonly string name;
    private readonly ConcurrentDictionary<string, string> gateways = new(StringComparer.Ordinal);
    private TestPlugin? server;
    private int last = 1;

    public NetworkPlugin(string folder, string namespacePath, string name = "plug")
    {
        this.folder = folder;
        this.namespacePath = namespacePath;
        this.name = name;
        Start();
    }

    /// <summary>Answers in the place of the right ones: by the method; null closes the connection.</summary>
    public ConcurrentDictionary<string, Func<JsonNode?, string?>> Instead { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether addresses are wanted for a MAC, and everything again after a start of the daemon.</summary>
    public bool NeedsMac { get; init; }
    public bool NeedsReplay { get; init; }

    /// <summary>The names of the methods that were called since this was asked last.</summary>
    public string[] TakeMethods() => [.. TakeCalls().Select(static call => call.Method)];

    /// <summary>The calls since this was asked last.</summary>
    public (string Method, JsonNode? Body)[] TakeCalls()
    {
        var calls = new List<(string, JsonNode?)>();
        while (server is { } running && running.Calls.TryDequeue(out (string, JsonNode?) call))
        {
            calls.Add(call);
        }

        return [.. calls];
    }

    public void Start() => server = TestPlugin.AtSocket(Path.Combine(folder, name + ".sock"), Answer);

    /// <summary>As by a SIGKILL: the socket's file stays.</summary>
    public void Die()
    {
        server?.Dispose();
        server = null;
    }

    public void Dispose() => Die();

    private string? Answer(string method, JsonNode? body)
    {
        if (Instead.TryGetValue(method, out Func<JsonNode?, string?>? other))
        {
            return other(body);
        }

        try
        {
            return Handle(method, body).ToJsonString();
        }
        catch (InvalidOperationException exception)
        {
            return new JsonObject { ["Err"] = exception.Message }.ToJsonString();
        }
    }

    private JsonObject Handle(string method, JsonNode? body)
    {
        string network = (string?)body?["NetworkID"] ?? "", endpoint = ((string?)body?["EndpointID"] ?? "")[..Math.Min(((string?)body?["EndpointID"] ?? "").Length, 8)];
        switch (method)
        {
            case "Plugin.Activate":
                return new JsonObject { ["Implements"] = new JsonArray("NetworkDriver", "IpamDriver") };
            case "NetworkDriver.GetCapabilities":
                return new JsonObject { ["Scope"] = "local" };
            case "NetworkDriver.CreateNetwork":
                gateways[network] = (string?)body!["IPv4Data"]?.AsArray().FirstOrDefault()?["Gateway"] ?? "";
                Ip("link", "add", Bridge, "type", "bridge");
                Ip("link", "set", Bridge, "up");
                if (gateways[network].Length > 0)
                {
                    Ip("address", "add", gateways[network], "dev", Bridge);
                }

                return [];
            case "NetworkDriver.DeleteNetwork":
                Ip("link", "del", Bridge);
                return [];
            case "NetworkDriver.CreateEndpoint":
                return body!["Interface"]?["Address"]?.GetValue<string>().Length > 0 ? [] : new JsonObject { ["Interface"] = new JsonObject { ["Address"] = "10.96.0.5/24", ["MacAddress"] = "02:42:0a:60:00:05" } };
            case "NetworkDriver.Join":
                Ip("link", "add", "h" + endpoint, "type", "veth", "peer", "name", "c" + endpoint);
                Ip("link", "set", "h" + endpoint, "master", Bridge, "up");
                string gateway = gateways.GetValueOrDefault(network, "").Split('/')[0];
                return new JsonObject
                {
                    ["InterfaceName"] = new JsonObject { ["SrcName"] = "c" + endpoint, ["DstPrefix"] = "plug" },
                    ["Gateway"] = gateway,
                    ["StaticRoutes"] = gateway.Length == 0 ? [] : new JsonArray(
                        new JsonObject { ["Destination"] = "10.98.0.0/16", ["RouteType"] = 0, ["NextHop"] = gateway },
                        new JsonObject { ["Destination"] = "10.97.0.0/16", ["RouteType"] = 1 }),
                };
            case "NetworkDriver.DeleteEndpoint":
                Ip("link", "del", "h" + endpoint);
                return [];
            case "IpamDriver.GetCapabilities":
                return new JsonObject { ["RequiresMACAddress"] = NeedsMac, ["RequiresRequestReplay"] = NeedsReplay };
            case "IpamDriver.GetDefaultAddressSpaces":
                return new JsonObject { ["LocalDefaultAddressSpace"] = "here", ["GlobalDefaultAddressSpace"] = "everywhere" };
            case "IpamDriver.RequestPool":
                string pool = (string?)body!["Pool"] is { Length: > 0 } asked ? asked : "10.99.0.0/16";
                return new JsonObject { ["PoolID"] = "pool " + pool, ["Pool"] = pool };
            case "IpamDriver.RequestAddress":
                string? type = (string?)body!["Options"]?["RequestAddressType"];
                string address = (string?)body["Address"] is { Length: > 0 } wanted ? wanted : type == "com.docker.network.gateway" ? "10.99.0.1" : $"10.99.0.{Interlocked.Increment(ref last)}";
                return new JsonObject { ["Address"] = address + "/16" };
            default:
                return [];
        }
    }

    private void Ip(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("nsenter", ["--net=" + namespacePath, "ip", .. arguments]) { UseShellExecute = false, RedirectStandardError = true })!; // it is a program's path
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {error.Trim()}");
        }
    }
}
