using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>States beyond running and stopped, restart policies, health probes, an init, events.</summary>
public sealed class ContainerLifeTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const string Trap = "trap 'exit 3' TERM; while :; do sleep 0.05; done";

    private EngineHttp Api => fixture.Api;

    [Fact]
    public async Task A_paused_container_stands_still_and_goes_on()
    {
        string id = await StartAsync("i=0; while :; do i=$((i+1)); echo $i > /n; done");
        await PostAsync(id, "pause", HttpStatusCode.NoContent);
        Assert.Equal(("paused", true, true), (await StateAsync(id), await FlagAsync(id, "Running"), await FlagAsync(id, "Paused")));
        Reply again = await PostAsync(id, "pause", HttpStatusCode.Conflict);
        Assert.Equal($"Container {id} is already paused", again.Message);
        Assert.Equal("cannot start a paused container, try unpause instead", (await PostAsync(id, "start", HttpStatusCode.Conflict)).Message);
        Assert.Contains("is paused, unpause the container before exec", (await Api.PostAsync($"/containers/{id}/exec", new JsonObject { ["Cmd"] = new JsonArray("true") })).Expect(HttpStatusCode.Conflict).Message, StringComparison.Ordinal);
        Assert.Contains("You cannot remove a paused container", (await Api.DeleteAsync($"/containers/{id}")).Expect(HttpStatusCode.Conflict).Message, StringComparison.Ordinal);
        await fixture.Daemon.KillAsync();
        await fixture.Daemon.StartAsync();
        Assert.Equal("paused", await StateAsync(id));
        await PostAsync(id, "unpause", HttpStatusCode.NoContent);
        Assert.Equal("running", await StateAsync(id));
        Assert.Equal($"Container {id} is not paused", (await PostAsync(id, "unpause", HttpStatusCode.InternalServerError)).Message);
        await PostAsync(id, "pause", HttpStatusCode.NoContent);
        await PostAsync(id, "kill", HttpStatusCode.NoContent);
        Assert.Equal("exited", await StateAsync(id));
        await RemoveAsync(id);
    }

    // What stands still by another hand does not end by a signal, and a shim that waits for an added process which stands still does not answer.
    [Theory]
    [InlineData("", "", "rm")]
    [InlineData("", "exec", "rm")]
    [InlineData("/inner", "", "rm")]
    [InlineData("", "exec", "stop")]
    [InlineData("", "exec", "the daemon's end")]
    public async Task What_somebody_else_froze_is_ended_all_the_same(string below, string added, string operation)
    {
        string id = await StartAsync("sleep 1000 & sleep 1001 & wait");
        string folder = FreezerOf(id);
        await Poll.UntilAsync(() => File.ReadAllLines(folder + "/cgroup.procs").Length == 3, "the shell has made both of its processes", 20);
        if (below.Length > 0)
        {
            string[] members = File.ReadAllLines(folder + "/cgroup.procs");
            Directory.CreateDirectory(folder + below);
            await File.WriteAllTextAsync(folder + below + "/cgroup.procs", members[^1]);
        }

        await FreezeAsync(folder + below);
        Task<Reply>? exec = added.Length > 0 ? BeginExecAsync(id) : null;
        if (exec is not null)
        {
            await Poll.UntilAsync(() => File.ReadAllLines(folder + "/cgroup.procs").Length > 3, "the added process stands still before it is one", 20);
        }

        if (operation == "the daemon's end")
        {
            await fixture.Daemon.KillAsync();
            await fixture.Daemon.StartAsync();
        }

        Task<Reply> end = operation == "stop" ? Api.PostAsync($"/containers/{id}/stop?t=0") : Api.DeleteAsync($"/containers/{id}?force=1");
        (await end.WaitAsync(TimeSpan.FromSeconds(30))).Expect(HttpStatusCode.NoContent);
        Assert.False(Directory.Exists(folder));
        if (exec is not null)
        {
            await ((Task)exec.WaitAsync(TimeSpan.FromSeconds(10))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext); // it was refused or has ended
            Assert.True(exec.IsCompleted);
        }

        if (operation == "stop")
        {
            await RemoveAsync(id);
        }
    }

    // Who begins a run or removes waits for what reads the files, with the lock in its hand that the commit needs to let the container go on.
    [Theory]
    [InlineData("kill")]
    [InlineData("restart?t=0")]
    [InlineData("rm")]
    public async Task A_container_that_is_committed_can_be_ended_all_the_same(string operation)
    {
        string id = await StartAsync("dd if=/dev/urandom of=/big bs=1M count=200; sleep 1000", new JsonObject { ["AutoRemove"] = operation == "kill" });
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{id}/json?size=1")).Json["SizeRw"]?.GetValue<long>() >= 200 << 20, "the container has written", 60);
        string repository = fixture.NewName();
        Task<Reply> commit = Api.PostAsync($"/commit?container={id}&repo={repository}");
        await Poll.UntilAsync(async () => await StateAsync(id) == "paused", "the commit has begun");
        Task<Reply> end = operation == "rm" ? Api.DeleteAsync($"/containers/{id}?force=1") : Api.PostAsync($"/containers/{id}/{operation}");
        (await end.WaitAsync(TimeSpan.FromSeconds(50))).Expect(HttpStatusCode.NoContent);
        (await commit.WaitAsync(TimeSpan.FromSeconds(50))).Expect(HttpStatusCode.Created);
        if (operation == "kill")
        {
            await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{id}/json")).Status == HttpStatusCode.NotFound, "the container is removed", 20);
        }
        else if (operation != "rm")
        {
            Assert.Equal("running", await StateAsync(id));
            await RemoveAsync(id);
        }

        (await Api.DeleteAsync($"/images/{repository}:latest")).Expect(HttpStatusCode.OK);
    }

    // The stop signal alone does not end it, and whoever asked has gone before the time for SIGKILL comes.
    [Theory]
    [InlineData("stop", "exited")]
    [InlineData("restart", "running")]
    public async Task What_a_client_asked_for_is_done_though_it_goes_away(string operation, string status)
    {
        string id = await StartAsync("trap '' TERM; while :; do sleep 1; done");
        string before = await TextAsync(id, "StartedAt");
        string request = $"POST /containers/{id}/{operation}?t=3 HTTP/1.1\r\nHost: x\r\n\r\n";
        Assert.Equal("", await Api.RawAsync(System.Text.Encoding.ASCII.GetBytes(request), seconds: 1));
        await Poll.UntilAsync(async () => await StateAsync(id) == status && (status == "exited" || await TextAsync(id, "StartedAt") != before), status, 20);
        await RemoveAsync(id);
    }

    // What somebody else froze is let go on and killed after two seconds: by then the client has gone.
    [Fact]
    public async Task A_forced_removal_is_carried_through_though_its_client_goes_away()
    {
        string id = await StartAsync("sleep 1000");
        string folder = FreezerOf(id);
        await FreezeAsync(folder);
        Assert.Equal("", await Api.RawAsync(System.Text.Encoding.ASCII.GetBytes($"DELETE /containers/{id}?force=1 HTTP/1.1\r\nHost: x\r\n\r\n"), seconds: 1));
        Assert.True(Directory.Exists(folder));
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{id}/json")).Status == HttpStatusCode.NotFound, "the container is removed", 20);
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task A_new_name_is_another_containers_never_and_the_old_one_is_free()
    {
        string first = fixture.NewName(), second = fixture.NewName(), third = fixture.NewName();
        string id = await Api.CreateAsync(first, ["true"]);
        await Api.CreateAsync(second, ["true"]);
        Assert.Contains("is already in use by container", (await PostAsync(first, $"rename?name={second}", HttpStatusCode.Conflict)).Message, StringComparison.Ordinal);
        Assert.Equal("Renaming a container with the same name as its current name", (await PostAsync(first, $"rename?name={first}", HttpStatusCode.BadRequest)).Message);
        Assert.Equal("Neither old nor new names may be empty", (await PostAsync(first, "rename", HttpStatusCode.BadRequest)).Message);
        Assert.Contains("Error when allocating new name: Invalid container name (/-x)", (await PostAsync(first, "rename?name=-x", HttpStatusCode.BadRequest)).Message, StringComparison.Ordinal);
        await PostAsync(first, $"rename?name={third}", HttpStatusCode.NoContent);
        Assert.Equal(id, (string?)(await Api.GetAsync($"/containers/{third}/json")).Json["Id"]);
        Assert.Equal(HttpStatusCode.NotFound, (await Api.GetAsync($"/containers/{first}/json")).Status);
        await Api.CreateAsync(first, ["true"]);
        foreach (string name in (string[])[first, second, third])
        {
            await RemoveAsync(name);
        }
    }

    [Fact]
    public async Task Restart_stops_with_the_stop_signal_and_starts()
    {
        string id = await StartAsync(Trap);
        string before = await TextAsync(id, "StartedAt");
        await PostAsync(id, "restart?t=10", HttpStatusCode.NoContent);
        Assert.Equal("running", await StateAsync(id));
        Assert.NotEqual(before, await TextAsync(id, "StartedAt"));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), ((await Api.GetAsync($"/containers/{id}/top")).Status, (await Api.GetAsync($"/containers/{id}/top?ps_args=-o+pid,comm")).Status));
        await RemoveAsync(id);
    }

    [Fact]
    public async Task On_failure_is_tried_again_so_often_and_a_success_ends_it()
    {
        string id = await StartAsync("exit 4", new JsonObject { ["RestartPolicy"] = Policy("on-failure", 2) });
        await Poll.UntilAsync(async () => await StateAsync(id) == "exited", "the third end", 20);
        Assert.Equal(2, (int?)(await InspectAsync(id))["RestartCount"]);
        string done = await StartAsync("exit 0", new JsonObject { ["RestartPolicy"] = Policy("on-failure", 0) });
        await Poll.UntilAsync(async () => await StateAsync(done) == "exited", "the only end", 20);
        Assert.Equal(0, (int?)(await InspectAsync(done))["RestartCount"]);
        await RemoveAsync(id);
        await RemoveAsync(done);
    }

    [Fact]
    public async Task Always_goes_on_until_it_is_stopped_and_again_with_the_next_daemon()
    {
        string always = await StartAsync("sleep 0.2", new JsonObject { ["RestartPolicy"] = Policy("always", 0) });
        string unless = await StartAsync("sleep 1000", new JsonObject { ["RestartPolicy"] = Policy("unless-stopped", 0) });
        await Poll.UntilAsync(async () => (int?)(await InspectAsync(always))["RestartCount"] >= 2, "two restarts", 20);
        await PostAsync(always, "stop?t=0", HttpStatusCode.NoContent);
        await PostAsync(unless, "stop?t=0", HttpStatusCode.NoContent);
        Assert.Equal(("exited", "exited"), (await StateAsync(always), await StateAsync(unless)));
        await fixture.Daemon.KillAsync();
        await fixture.Daemon.StartAsync();
        await Poll.UntilAsync(async () => await StateAsync(always) != "exited", "a start by the daemon", 20);
        Assert.Equal("exited", await StateAsync(unless));
        (await Api.PostAsync($"/containers/{always}/update", new JsonObject { ["RestartPolicy"] = Policy("no", 0) })).Expect(HttpStatusCode.OK);
        await Poll.UntilAsync(async () => await StateAsync(always) == "exited", "the last end", 20);
        await RemoveAsync(always);
        await RemoveAsync(unless);
    }

    [Fact]
    public async Task A_container_that_crashed_while_no_daemon_was_there_is_started_again_or_removed()
    {
        string again = await StartAsync("sleep 1000", new JsonObject { ["RestartPolicy"] = Policy("on-failure", 0) });
        string gone = await StartAsync("sleep 1000", new JsonObject { ["AutoRemove"] = true });
        List<int> pids = [(int)(await InspectAsync(again))["State"]!["Pid"]!, (int)(await InspectAsync(gone))["State"]!["Pid"]!]; // both run
        await fixture.Daemon.KillAsync();
        pids.ForEach(static pid => RunningDaemon.Signal(pid, "KILL"));
        await Poll.UntilAsync(() => Task.FromResult(pids.TrueForAll(static pid => !Directory.Exists($"/proc/{pid}"))), "two ends", 20);
        await fixture.Daemon.StartAsync();
        await Poll.UntilAsync(async () => await StateAsync(again) == "running" && (int)(await InspectAsync(again))["State"]!["Pid"]! != pids[0], "another run", 20);
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{gone}/json")).Status == HttpStatusCode.NotFound, "the removal", 20);
        await RemoveAsync(again);
    }

    [Fact]
    public async Task Limits_take_hold_at_creation_and_by_update()
    {
        string id = await StartAsync("sleep 1000", new JsonObject { ["Memory"] = 64 << 20, ["PidsLimit"] = 50, ["NanoCpus"] = 500_000_000 });
        JsonNode host = (await InspectAsync(id))["HostConfig"]!; // inspect always has one
        Assert.Equal((64L << 20, 128L << 20, 50L), ((long?)host["Memory"], (long?)host["MemorySwap"], (long?)host["PidsLimit"]));
        (await Api.PostAsync($"/containers/{id}/update", new JsonObject { ["Memory"] = 32 << 20, ["PidsLimit"] = 20 })).Expect(HttpStatusCode.OK);
        string limit = Directory.Exists("/sys/fs/cgroup/pids") ? $"/sys/fs/cgroup/pids/berth/{id}/pids.max" : $"/sys/fs/cgroup/berth/{id}/pids.max";
        Assert.Equal("20", File.ReadAllText(limit).Trim());
        Reply refused = await Api.PostAsync($"/containers/{id}/update", new JsonObject { ["Memory"] = 1000 });
        Assert.Equal("Minimum memory limit allowed is 6MB", refused.Expect(HttpStatusCode.BadRequest).Message);
        Assert.Contains("BlkioWeight", (await Api.PostAsync($"/containers/{id}/update", new JsonObject { ["BlkioWeight"] = 100 })).Expect(HttpStatusCode.NotImplemented).Message, StringComparison.Ordinal);
        await RemoveAsync(id);
    }

    [Fact]
    public async Task A_probe_makes_a_container_healthy_and_unhealthy_and_its_results_outlive_the_daemon()
    {
        JsonObject request = EngineHttp.Request(["sh", "-c", "sleep 1000"]);
        request["Healthcheck"] = new JsonObject { ["Test"] = new JsonArray("CMD-SHELL", "echo probed; test -f /ok"), ["Interval"] = 100_000_000, ["Retries"] = 2 };
        string id = await StartAsync(request);
        Assert.Equal("starting", (string?)(await InspectAsync(id))["State"]!["Health"]!["Status"]);
        await HealthAsync(id, "unhealthy");
        await ExecAsync(id, "touch", "/ok");
        await HealthAsync(id, "healthy");
        await fixture.Daemon.KillAsync();
        await fixture.Daemon.StartAsync();
        JsonNode health = (await InspectAsync(id))["State"]!["Health"]!;
        Assert.Equal("healthy", (string?)health["Status"]);
        Assert.Contains(health["Log"]!.AsArray(), static result => (string?)result!["Output"] == "probed\n" && (int?)result["ExitCode"] == 0);
        await ExecAsync(id, "rm", "/ok");
        await HealthAsync(id, "unhealthy");
        Assert.Equal(5, (await InspectAsync(id))["State"]!["Health"]!["Log"]!.AsArray().Count);
        JsonArray listed = (await Api.GetAsync("/containers/json?filters={\"health\":[\"unhealthy\"]}")).Json.AsArray();
        Assert.Contains("(unhealthy)", (string?)Assert.Single(listed)!["Status"], StringComparison.Ordinal);
        await RemoveAsync(id);
    }

    [Fact]
    public async Task A_probe_that_takes_too_long_is_killed_and_has_failed()
    {
        JsonObject request = EngineHttp.Request(["sleep", "1000"]);
        request["Healthcheck"] = new JsonObject { ["Test"] = new JsonArray("CMD", "sleep", "1000"), ["Interval"] = 50_000_000, ["Timeout"] = 200_000_000, ["Retries"] = 1 };
        string id = await StartAsync(request);
        await HealthAsync(id, "unhealthy");
        JsonNode result = (await InspectAsync(id))["State"]!["Health"]!["Log"]![0]!;
        Assert.Equal((-1, "Health check exceeded timeout (200ms)"), ((int?)result["ExitCode"], (string?)result["Output"]));
        await RemoveAsync(id);
    }

    [Fact]
    public async Task Events_tell_a_containers_life_in_order()
    {
        long since = DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 1;
        JsonObject request = EngineHttp.Request(["sh", "-c", Trap]);
        request["Labels"] = new JsonObject { ["life"] = "1" };
        string id = await StartAsync(request);
        await TrappedAsync(id);
        await PostAsync(id, "pause", HttpStatusCode.NoContent);
        await PostAsync(id, "unpause", HttpStatusCode.NoContent);
        await ExecAsync(id, "echo", "hi");
        await PostAsync(id, $"rename?name={id[..20]}", HttpStatusCode.NoContent);
        await PostAsync(id, "restart?t=20", HttpStatusCode.NoContent);
        await TrappedAsync(id);
        await PostAsync(id, "stop?t=20", HttpStatusCode.NoContent);
        await RemoveAsync(id);
        await fixture.Daemon.KillAsync();
        await fixture.Daemon.StartAsync();
        string text = (await Api.GetAsync($"/events?since={since}&until={DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1}&filters={{\"label\":[\"life=1\"]}}")).Expect(HttpStatusCode.OK).Text;
        List<JsonNode> events = [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonNode.Parse(line)!)]; // lines are objects
        Assert.Equal(
            ["create", "start", "pause", "unpause", "exec_create: echo hi", "exec_start: echo hi", "exec_die", "rename", "kill", "die", "stop", "start", "restart", "kill", "die", "stop", "destroy"],
            events.Select(static item => (string?)item["Action"]));
        Assert.Equal(("3", "15"), ((string?)events[9]["Actor"]!["Attributes"]!["exitCode"], (string?)events[8]["Actor"]!["Attributes"]!["signal"]));
        Assert.All(events, item => Assert.Equal((id, "busybox", "container", "local"), ((string?)item["id"], (string?)item["from"], (string?)item["Type"], (string?)item["scope"])));
    }

    // A first process without a handler for it is not sent SIGTERM at all.
    private Task TrappedAsync(string id) => Poll.UntilAsync(
        async () =>
        {
            const ulong sigterm = 1UL << 14;
            string status = File.ReadLines($"/proc/{(await InspectAsync(id))["State"]!["Pid"]}/status").First(static line => line.StartsWith("SigCgt:", StringComparison.Ordinal));
            return (ulong.Parse(status[7..].Trim(), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture) & sigterm) != 0;
        },
        "a handler for SIGTERM", 20);

    private static JsonObject Policy(string name, int count) => new() { ["Name"] = name, ["MaximumRetryCount"] = count };

    private Task<string> StartAsync(string script, JsonObject? host = null)
    {
        JsonObject request = EngineHttp.Request(["sh", "-c", script]);
        foreach ((string key, JsonNode? value) in host ?? [])
        {
            request["HostConfig"]![key] = value?.DeepClone();
        }

        return StartAsync(request);
    }

    // The folder by which a container's processes can be made to stand still, with cgroup v1 or v2.
    private static string FreezerOf(string id) => ((string[])["/sys/fs/cgroup/freezer/berth/", "/sys/fs/cgroup/berth/"]).Select(root => root + id).First(Directory.Exists);

    private static Task FreezeAsync(string folder)
    {
        bool isV1 = File.Exists(folder + "/freezer.state");
        return File.WriteAllTextAsync(folder + (isV1 ? "/freezer.state" : "/cgroup.freeze"), isV1 ? "FROZEN" : "1");
    }

    private async Task<string> StartAsync(JsonObject request)
    {
        string id = (string)(await Api.PostAsync($"/containers/create?name={fixture.NewName()}", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // a created answer has an id
        await PostAsync(id, "start", HttpStatusCode.NoContent);
        return id;
    }

    private async Task ExecAsync(string id, params string[] command)
    {
        var request = new JsonObject { ["Cmd"] = new JsonArray([.. command.Select(static word => (JsonNode)word)]), ["AttachStdout"] = true };
        string exec = (string)(await Api.PostAsync($"/containers/{id}/exec", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // as above
        (await Api.PostAsync($"/exec/{exec}/start", new JsonObject { ["Detach"] = true })).Expect(HttpStatusCode.OK);
        await Poll.UntilAsync(async () => (bool?)(await Api.GetAsync($"/exec/{exec}/json")).Json["Running"] == false, "the command's end", 20);
    }

    private async Task HealthAsync(string id, string status) =>
        await Poll.UntilAsync(async () => (string?)(await InspectAsync(id))["State"]!["Health"]!["Status"] == status, $"a container that is {status}", 20);

    private async Task<Reply> PostAsync(string id, string operation, HttpStatusCode status) => (await Api.PostAsync($"/containers/{id}/{operation}")).Expect(status);

    private async Task<Reply> BeginExecAsync(string id)
    {
        JsonNode made = (await Api.PostAsync($"/containers/{id}/exec", new JsonObject { ["Cmd"] = new JsonArray("sleep", "1002") })).Expect(HttpStatusCode.Created).Json;
        return await Api.PostAsync($"/exec/{made["Id"]}/start", new JsonObject { ["Detach"] = true });
    }

    private async Task<JsonNode> InspectAsync(string id) => (await Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json;

    private async Task<string?> StateAsync(string id) => (string?)(await InspectAsync(id))["State"]!["Status"];

    private async Task<bool> FlagAsync(string id, string name) => (bool)(await InspectAsync(id))["State"]![name]!; // always there

    private async Task<string> TextAsync(string id, string name) => (string)(await InspectAsync(id))["State"]![name]!; // always there

    private async Task RemoveAsync(string id) => (await Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
}
