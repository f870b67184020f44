using System.Net;
using System.Text.Json.Nodes;
using Berth.Storage;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>Networks, with a daemon that has a network namespace of its own: what its kernel has is compared with what it had before.</summary>
internal sealed partial class FailPointRun
{
    private const string Net = "failing", Other = "staying";

    private HostNamespace Host => new(daemon);

    private async Task NetworkAsync(string operation)
    {
        string before = await Host.KernelAsync();
        await (operation switch
        {
            "network create" => CreateNetworkAsync(before),
            "network rm" => RemoveNetworkAsync(before),
            "start in networks" => PlugAsync(),
            "end in networks" => UnplugAsync(),
            "connect" => ConnectAsync(),
            "disconnect" => DisconnectAsync(),
            _ => throw new ArgumentException($"no such operation: {operation}", nameof(operation)),
        });
        (await Api.DeleteAsync($"/containers/{Subject}?force=1")).ExpectOneOf(HttpStatusCode.NoContent, HttpStatusCode.NotFound);
        foreach (string name in (string[])[Net, Other])
        {
            (await Api.DeleteAsync("/networks/" + name)).ExpectOneOf(HttpStatusCode.NoContent, HttpStatusCode.NotFound);
        }

        await Host.ExpectKernelAsync(before, operation);
        Assert.DoesNotContain(" error: ", daemon.Log, StringComparison.Ordinal);
    }

    private async Task CreateNetworkAsync(string before)
    {
        await FailAsync(() => MakeNetworkAsync(Net));
        bool isThere = await HasNetworkAsync(Net);
        AssertDone(isThere, [FailPoints.JournalSynced, FailPoints.NetworkRecorded], [FailPoints.NetworkMade]);
        if (!isThere)
        {
            await Host.ExpectKernelAsync(before, "nobody was told of the network");
        }

        (await MakeNetworkAsync(Net)).Expect(isThere ? HttpStatusCode.Conflict : HttpStatusCode.Created);
        await CheckNetworkAsync();
    }

    private async Task RemoveNetworkAsync(string before)
    {
        (await MakeNetworkAsync(Net)).Expect(HttpStatusCode.Created);
        await FailAsync(() => Api.DeleteAsync("/networks/" + Net));
        bool isThere = await HasNetworkAsync(Net);
        AssertDone(!isThere, [FailPoints.JournalSynced, FailPoints.NetworkRemovalRecorded, FailPoints.NetworkRemoved], []);
        if (isThere)
        {
            await CheckNetworkAsync();
        }
        else
        {
            await Host.ExpectKernelAsync(before, "the network's end was recorded");
        }

        (await Api.DeleteAsync("/networks/" + Net)).Expect(isThere ? HttpStatusCode.NoContent : HttpStatusCode.NotFound);
    }

    // In two networks, with a published port.
    private async Task PlugAsync()
    {
        await MakeConnectedAsync();
        string idle = await Host.KernelAsync();
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/start"));
        JsonNode state = await StateAsync();
        bool runs = Text(state, "Status") == "running";
        AssertDone(runs, [], [FailPoints.PlugPlanned, FailPoints.PlugOpened, FailPoints.PlugLinked, FailPoints.PlugServed]);
        if (!runs)
        {
            await Host.ExpectKernelAsync(idle, "it does not run");
        }

        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(runs ? HttpStatusCode.NotModified : HttpStatusCode.NoContent);
        await CheckPlugsAsync(Net, Other);
        Assert.Equal(Subject, await Host.FetchAsync("http://127.0.0.1:8099/hostname"));
    }

    private async Task UnplugAsync()
    {
        await MakeConnectedAsync();
        string idle = await Host.KernelAsync();
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/kill"));
        await Poll.UntilAsync(async () => Text(await StateAsync(), "Status") == "exited", "the end is known", 20);
        await Host.ExpectKernelAsync(idle, "it has ended");
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
        await CheckPlugsAsync(Net, Other);
    }

    private async Task ConnectAsync()
    {
        await MakeConnectedAsync(Other);
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
        string connected = await Host.KernelAsync();
        await FailAsync(() => ChangeAsync("connect"));
        bool isIn = await Host.EndpointAsync(Subject, Net) is not null;
        AssertDone(isIn, [FailPoints.JournalSynced, FailPoints.ConnectRecorded], [FailPoints.ConnectLinked, FailPoints.ConnectRerouted]);
        if (!isIn)
        {
            await Host.ExpectKernelAsync(connected, "a link that no record has goes");
        }

        await CheckPlugsAsync(isIn ? [Net, Other] : [Other]);
        (await ChangeAsync("connect")).Expect(isIn ? HttpStatusCode.Forbidden : HttpStatusCode.OK);
        await CheckPlugsAsync(Net, Other);
    }

    private async Task DisconnectAsync()
    {
        await MakeConnectedAsync();
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
        await FailAsync(() => ChangeAsync("disconnect"));
        bool isIn = await Host.EndpointAsync(Subject, Net) is not null;
        AssertDone(!isIn, [FailPoints.JournalSynced, FailPoints.DisconnectRecorded], [FailPoints.DisconnectUnlinked, FailPoints.DisconnectRerouted]);

        // A record that has still what the kernel has no more: the next disconnect, or start, puts it right.
        (await ChangeAsync("disconnect")).Expect(isIn ? HttpStatusCode.OK : HttpStatusCode.Forbidden);
        await CheckPlugsAsync(Other);
        (await ChangeAsync("connect")).Expect(HttpStatusCode.OK);
        await CheckPlugsAsync(Net, Other);
    }

    private Task<Reply> MakeNetworkAsync(string name) => Api.PostAsync("/networks/create", new JsonObject { ["Name"] = name, ["EnableIPv6"] = true });

    private async Task MakeConnectedAsync(params string[] names)
    {
        foreach (string name in (string[])[Net, Other])
        {
            (await MakeNetworkAsync(name)).Expect(HttpStatusCode.Created);
        }

        names = names.Length > 0 ? names : [Net, Other];
        JsonObject request = EngineHttp.Request(["httpd", "-f", "-p", "80", "-h", "/etc"]);
        request["Hostname"] = Subject;
        request["ExposedPorts"] = new JsonObject { ["80/tcp"] = new JsonObject() };
        request["HostConfig"] = new JsonObject { ["NetworkMode"] = names[0], ["PortBindings"] = new JsonObject { ["80/tcp"] = new JsonArray(new JsonObject { ["HostPort"] = "8099" }) } };
        request["NetworkingConfig"] = new JsonObject { ["EndpointsConfig"] = new JsonObject(names.Select(static name => KeyValuePair.Create<string, JsonNode?>(name, new JsonObject()))) };
        (await Api.PostAsync($"/containers/create?name={Subject}", request)).Expect(HttpStatusCode.Created);
    }

    private Task<Reply> ChangeAsync(string how) => Api.PostAsync($"/networks/{Net}/{how}", new JsonObject { ["Container"] = Subject });

    private async Task<bool> HasNetworkAsync(string name) => (await Api.GetAsync("/networks/" + name)).Status == HttpStatusCode.OK;

    // The container has one link for each of its networks, and their gateways answer.
    private async Task CheckPlugsAsync(params string[] names)
    {
        string links = (await Host.ExecAsync(Subject, "ls", "/sys/class/net")).Expect().Output;
        Assert.Equal(names.Length, links.Split('\n').Count(static name => name.StartsWith("eth", StringComparison.Ordinal)));
        foreach (string name in names)
        {
            string gateway = (string)(await Host.EndpointAsync(Subject, name))!["Gateway"]!; // it is in it
            (await Host.ExecAsync(Subject, "ping", "-c", "1", "-W", "5", gateway)).Expect();
        }
    }

    private async Task CheckNetworkAsync()
    {
        JsonObject request = EngineHttp.Request(["sh", "-c", "ping -c 1 -W 5 $(ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p')"]);
        request["HostConfig"] = new JsonObject { ["NetworkMode"] = Net };
        (await Api.PostAsync("/containers/create?name=check", request)).Expect(HttpStatusCode.Created);
        (await Api.PostAsync("/containers/check/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(0, await WaitAsync("check"));
        (await Api.DeleteAsync("/containers/check")).Expect(HttpStatusCode.NoContent);
    }
}
