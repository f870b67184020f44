using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Pruning takes what nobody uses, and that alone.</summary>
public sealed class PruneTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task ImagesThatContainersUseStay(string client)
    {
        string running = fixture.NewName(), stopped = fixture.NewName(), unused = fixture.NewName();
        foreach (string name in (string[])[running, stopped, unused])
        {
            (await fixture.Berth.RunAsync(["import", "-", name], BusyboxImage.Tar)).Expect();
        }

        (await fixture.Berth.RunAsync("run", "-d", "--name", running, "--network", "none", running, "sleep", "1000")).Expect();
        (await fixture.Berth.RunAsync("create", "--name", stopped, "--network", "none", stopped, "true")).Expect();
        string unnamed = (await fixture.Berth.RunAsync("commit", stopped)).Expect().Line, unnamedUsed = (await fixture.Berth.RunAsync("commit", running)).Expect().Line;
        string user = fixture.NewName();
        (await fixture.Berth.RunAsync("create", "--name", user, "--network", "none", unnamedUsed, "true")).Expect();

        Assert.Contains("deleted: " + unnamed, await PruneAsync(client, "image", "prune", "-f"), StringComparison.Ordinal);
        Assert.Equal(["busybox", running, stopped, unused, unnamedUsed], await ImagesAsync("busybox", running, stopped, unused, unnamedUsed, unnamed));
        Assert.Contains($"untagged: {unused}:latest", await PruneAsync(client, "image", "prune", "-a", "-f"), StringComparison.Ordinal);
        Assert.Equal([running, stopped, unnamedUsed], await ImagesAsync("busybox", running, stopped, unused, unnamedUsed));
        Assert.DoesNotContain("deleted", await PruneAsync(client, "image", "prune", "-a", "-f"), StringComparison.Ordinal);
        Assert.Equal("still", (await fixture.Berth.RunAsync("exec", running, "echo", "still")).Expect().Line);

        (await fixture.Berth.RunAsync("rm", "-f", running, stopped, user)).Expect();
        await PruneAsync(client, "image", "prune", "-a", "-f");
        Assert.Empty(await ImagesAsync(running, stopped, unnamedUsed));
        (await fixture.Api.ImportAsync(new MemoryStream(BusyboxImage.Tar), "busybox")).Expect(HttpStatusCode.OK);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task ContainersThatLiveStay(string client)
    {
        string running = await StartAsync(["sleep", "1000"]), paused = await StartAsync(["sleep", "1000"]), ended = await StartAsync(["true"]);
        string restarting = await StartAsync(["false"], "always");
        string created = await fixture.Api.CreateAsync(fixture.NewName(), ["true"]);
        (await fixture.Api.PostAsync($"/containers/{paused}/pause")).Expect(HttpStatusCode.NoContent);
        (await fixture.Api.PostAsync($"/containers/{ended}/wait")).Expect(HttpStatusCode.OK);
        await Poll.UntilAsync(async () => (int)(await fixture.Api.GetAsync($"/containers/{restarting}/json")).Json["RestartCount"]! > 4, "the waits between the runs are long");

        string told = await PruneAsync(client, "container", "prune", "-f");
        Assert.Equal([created, ended], new[] { created, ended }.Where(id => told.Contains(id, StringComparison.Ordinal)));
        JsonArray all = (await fixture.Api.GetAsync("/containers/json?all=1")).Expect(HttpStatusCode.OK).Json.AsArray();
        Assert.Equal(new[] { running, paused, restarting }.Order(StringComparer.Ordinal), all.Select(static item => (string)item!["Id"]!).Order(StringComparer.Ordinal)); // docker's members
        foreach (string id in (string[])[running, paused, restarting])
        {
            (await fixture.Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
        }
    }

    private async Task<string> PruneAsync(string client, params string[] words) => (await fixture.Client(client).RunAsync(words)).Expect().Output;

    private async Task<List<string>> ImagesAsync(params string[] names)
    {
        List<string> there = [];
        foreach (string name in names)
        {
            if ((await fixture.Api.GetAsync($"/images/{name}/json")).Status == HttpStatusCode.OK)
            {
                there.Add(name);
            }
        }

        return there;
    }

    private async Task<string> StartAsync(string[] command, string policy = "no")
    {
        JsonObject request = EngineHttp.Request(command);
        request["HostConfig"]!["RestartPolicy"] = new JsonObject { ["Name"] = policy }; // Request has it
        string id = (string)(await fixture.Api.PostAsync("/containers/create", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // as created
        (await fixture.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        return id;
    }
}
