using System.Net;
using System.Text.Json.Nodes;
using Berth.Storage;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>What users do to running containers, and containers that remove themselves.</summary>
internal sealed partial class FailPointRun
{
    // Removed by the end of its process, whoever was there to see it.
    private async Task EndAndRemoveAsync()
    {
        await MakeAsync(["sh", "-c", "sleep 0.2; exit 3"], static host => host["AutoRemove"] = true);
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/start"));
        bool wasStarted = point is not (FailPoints.StartBundleWritten or FailPoints.StartPrepared or FailPoints.JournalWritten or FailPoints.JournalSynced);
        if (!wasStarted && (await Api.GetAsync($"/containers/{Subject}/json")).Status == HttpStatusCode.OK)
        {
            Reply again = await Api.PostAsync($"/containers/{Subject}/start");
            Assert.True(again.Status is HttpStatusCode.NoContent or HttpStatusCode.NotModified, again.Text);
        }

        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{Subject}/json")).Status == HttpStatusCode.NotFound, "a container with --rm is gone after its end", 20);
        (await Api.PostAsync($"/containers/create?name={Subject}", EngineHttp.Request(["true"]))).Expect(HttpStatusCode.Created); // its name is free
    }

    private async Task RemovePausedAsync()
    {
        int pid = await MakePausedAsync(["sleep", "1000"]);
        await FailAsync(() => Api.DeleteAsync($"/containers/{Subject}?force=1"));
        (await Api.DeleteAsync($"/containers/{Subject}?force=1")).Expect(HttpStatusCode.NoContent);
        Assert.False(Directory.Exists($"/proc/{pid}"));
    }

    private async Task StopPausedAsync()
    {
        int pid = await MakePausedAsync(["sh", "-c", Waiting]);
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/stop?t=20"));
        Reply again = await Api.PostAsync($"/containers/{Subject}/stop?t=20");
        Assert.True(again.Status is HttpStatusCode.NoContent or HttpStatusCode.NotModified, again.Text);
        JsonNode state = await StateAsync();
        Assert.Equal(("exited", 7), (Text(state, "Status"), state["ExitCode"]!.GetValue<int>())); // docker's member
        Assert.False(Directory.Exists($"/proc/{pid}"));
    }

    private async Task PauseAsync()
    {
        await MakeRunningAsync(["sleep", "1000"]);
        int pid = Pid(await StateAsync());
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/pause"));
        JsonNode state = await StateAsync();
        Assert.Equal(("paused", pid), (Text(state, "Status"), Pid(state)));
        (await Api.PostAsync($"/containers/{Subject}/unpause")).Expect(HttpStatusCode.NoContent);
        await AssertRunsAsync();
    }

    private async Task UnpauseAsync()
    {
        int pid = await MakePausedAsync(["sleep", "1000"]);
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/unpause"));
        JsonNode state = await StateAsync();
        Assert.Equal(("running", pid), (Text(state, "Status"), Pid(state)));
        await AssertRunsAsync();
    }

    // A user's restart: what was not acknowledged is whole, stopped or running; what was is running.
    private async Task AgainAsync()
    {
        await MakeRunningAsync(["sh", "-c", Waiting]);
        await ReadyAsync();
        int pid = Pid(await StateAsync());
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/restart?t=20"));
        await Poll.UntilAsync(async () => Text(await StateAsync(), "Status") is "running" or "exited", "a state that lasts", 20);
        JsonNode state = await StateAsync();
        bool runs = Text(state, "Status") == "running";
        AssertDone(runs && Pid(state) != pid, [FailPoints.StartStarted, FailPoints.StartRecorded, FailPoints.StartTold, FailPoints.AgainTold], [FailPoints.StartBundleWritten, FailPoints.StartPrepared]);
        (await Api.PostAsync($"/containers/{Subject}/restart?t=20")).Expect(HttpStatusCode.NoContent);
        state = await StateAsync();
        Assert.Equal("running", Text(state, "Status"));
        Assert.NotEqual(pid, Pid(state));
        Assert.False(Directory.Exists($"/proc/{pid}"));
    }

    private async Task RenameAsync()
    {
        string id = await Api.CreateAsync(Subject, ["true"]);
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/rename?name=renamed"));
        string name = (await Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json["Name"]!.GetValue<string>(); // docker's member
        Assert.Contains(name, (string[])["/" + Subject, "/renamed"]);
        AssertDone(name == "/renamed", [FailPoints.JournalSynced, FailPoints.RenameRecorded, FailPoints.RenameTold], []);
        string free = name == "/renamed" ? Subject : "renamed";
        (await Api.GetAsync($"/containers/{free}/json")).Expect(HttpStatusCode.NotFound);
        (await Api.PostAsync($"/containers/{id}/rename?name={free}")).Expect(HttpStatusCode.NoContent);
    }

    private async Task<int> MakePausedAsync(string[] command)
    {
        await MakeRunningAsync(command);
        if (command is [_, "-c", _])
        {
            await ReadyAsync();
        }

        (await Api.PostAsync($"/containers/{Subject}/pause")).Expect(HttpStatusCode.NoContent);
        return Pid(await StateAsync());
    }

    private Task ReadyAsync() => Poll.UntilAsync(async () => (await Api.GetBytesAsync($"/containers/{Subject}/logs?stdout=1")).Length > 0, "the signal is awaited", 20);

    // Its processes go on in fact: a new one comes to its end.
    private async Task AssertRunsAsync()
    {
        JsonNode made = (await Api.PostAsync($"/containers/{Subject}/exec", new JsonObject { ["Cmd"] = new JsonArray("true") })).Expect(HttpStatusCode.Created).Json;
        (await Api.PostAsync($"/exec/{made["Id"]}/start", new JsonObject { ["Detach"] = true })).Expect(HttpStatusCode.OK);
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/exec/{made["Id"]}/json")).Expect(HttpStatusCode.OK).Json["ExitCode"]?.GetValue<int>() == 0, "an added process ends", 20);
    }
}
