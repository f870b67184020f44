using System.Formats.Tar;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Berth.Storage;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>One operation, the daemon's death at one step of it, and what must be true afterwards.</summary>
internal sealed partial class FailPointRun(RunningDaemon daemon, byte[] victim, string? registry, string point)
{
    private const string Subject = "subject";
    private const string Waiting = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    private bool isAnswered;

    private EngineHttp Api => daemon.Api;

    /// <summary>Makes and saves the image <c>victim</c>: one small layer on busybox. The registry gets it too.</summary>
    public static async Task<byte[]> MakeVictimAsync(RunningDaemon daemon, string? registry)
    {
        string id = await daemon.Api.CreateAsync("maker", ["sh", "-c", "echo made > /made"]);
        (await daemon.Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        (await daemon.Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK);
        (await daemon.Api.PostAsync($"/commit?container={id}&repo=victim")).Expect(HttpStatusCode.Created);
        byte[] saved = await daemon.Api.GetBytesAsync("/images/get?names=victim");
        if (registry is not null)
        {
            await PushAsync(daemon, $"{registry}/library/victim");
        }

        (await daemon.Api.DeleteAsync($"/containers/{id}")).Expect(HttpStatusCode.NoContent);
        (await daemon.Api.DeleteAsync("/images/victim")).Expect(HttpStatusCode.OK);
        await Poll.UntilAsync(() => !Directory.EnumerateFileSystemEntries(Path.Combine(daemon.DataRoot, "snapshots/trash")).Any(), "the removed layer is deleted");
        return saved;
    }

    private static async Task PushAsync(RunningDaemon daemon, string remote)
    {
        (await daemon.Api.PostAsync($"/images/victim/tag?repo={remote}")).Expect(HttpStatusCode.Created);
        Assert.Contains("latest: digest: ", await SendAsync(daemon, remote), StringComparison.Ordinal);
        (await daemon.Api.DeleteAsync($"/images/{remote}")).Expect(HttpStatusCode.OK);
    }

    private static async Task<string> SendAsync(RunningDaemon daemon, string remote)
    {
        using var nobody = new ByteArrayContent([]);
        nobody.Headers.TryAddWithoutValidation("X-Registry-Auth", "e30=");
        return (await daemon.Api.SendAsync(HttpMethod.Post, $"/images/{remote}/push?tag=latest", nobody)).Expect(HttpStatusCode.OK).Text;
    }

    /// <summary>Plays one case from prepared to cleaned up; the daemon runs before and after it and has nothing but busybox.</summary>
    public async Task PlayAsync(string operation)
    {
        HashSet<string> before = Content();
        string kept = await Api.CreateAsync("kept", ["true"]);
        await (operation switch
        {
            "create" => CreateAsync(),
            "start" => StartAsync(),
            "stop" => StopAsync(),
            "rm" => RemoveAsync(isForced: false),
            "rm -f" => RemoveAsync(isForced: true),
            "--rm" => EndAndRemoveAsync(),
            "rm -f of a paused one" => RemovePausedAsync(),
            "stop of a paused one" => StopPausedAsync(),
            "pause" => PauseAsync(),
            "unpause" => UnpauseAsync(),
            "again" => AgainAsync(),
            "rename" => RenameAsync(),
            "exec" => ExecAsync(),
            "import" => AddImageAsync("imported", ImportAsync),
            "load" => AddImageAsync("victim", LoadAsync),
            "pull" => AddImageAsync("victim", PullAsync),
            "push" => PushImageAsync(),
            "fsck" => RepairAsync(),
            "commit" => CommitAsync(),
            "build" => BuildAsync(),
            "failing build" => FailingBuildAsync(),
            "rmi" => RemoveImageAsync(),
            "tag" => TagAsync(),
            "restart" => RestartAsync(),
            "health" => HealthAsync(),
            "event" => EventAsync(),
            _ when FailPointCases.IsOfNetworks(operation) => NetworkAsync(operation),
            _ => throw new ArgumentException($"no such operation: {operation}", nameof(operation)),
        });

        JsonNode acknowledged = (await Api.GetAsync($"/containers/{kept}/json")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal("/kept", acknowledged["Name"]!.GetValue<string>()); // docker's member
        (await Api.PostAsync($"/containers/{kept}/start")).Expect(HttpStatusCode.NoContent); // its layer and its image are there as well
        Assert.Equal(0, await WaitAsync(kept));
        await CleanUpAsync(before);
    }

    private async Task CreateAsync()
    {
        await FailAsync(() => Api.PostAsync($"/containers/create?name={Subject}", EngineHttp.Request(["true"])));
        Reply found = await Api.GetAsync($"/containers/{Subject}/json");
        bool isThere = found.Status == HttpStatusCode.OK;
        AssertDone(isThere, [FailPoints.JournalSynced, FailPoints.CreateRecorded, FailPoints.CreateTold], [FailPoints.CreateFolderMade, FailPoints.CreateLayerMade, FailPoints.CopyMade]);
        Reply again = await Api.PostAsync($"/containers/create?name={Subject}", EngineHttp.Request(["true"]));
        again.Expect(isThere ? HttpStatusCode.Conflict : HttpStatusCode.Created);
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(0, await WaitAsync(Subject));
    }

    private async Task StartAsync()
    {
        await Api.CreateAsync(Subject, ["sleep", "1000"]);
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/start"));
        JsonNode state = await StateAsync();
        string status = Text(state, "Status");
        Assert.True(status is "created" or "running", status);
        bool runs = status == "running";
        AssertDone(runs, [FailPoints.StartStarted, FailPoints.StartRecorded, FailPoints.StartTold], [FailPoints.StartBundleWritten, FailPoints.StartPrepared]);
        Assert.Equal(runs, Directory.Exists($"/proc/{Pid(state)}") && Pid(state) > 0);
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(runs ? HttpStatusCode.NotModified : HttpStatusCode.NoContent);
        Assert.Equal("running", Text(await StateAsync(), "Status"));
    }

    // With a restart policy, as that is what a forgotten stop would set off.
    private async Task StopAsync()
    {
        await MakeRunningAsync(["sh", "-c", Waiting], static host => host["RestartPolicy"] = new JsonObject { ["Name"] = "unless-stopped" });
        await ReadyAsync();
        int pid = Pid(await StateAsync());
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/stop?t=20"));
        bool isSignalled = point is not (FailPoints.StopNoted or FailPoints.JournalWritten or FailPoints.JournalSynced);
        if (isSignalled)
        {
            await Poll.UntilAsync(async () => Text(await StateAsync(), "Status") == "exited", "the end that was asked for is known", 20);
        }

        Reply again = await Api.PostAsync($"/containers/{Subject}/stop?t=20");
        Assert.True(again.Status is HttpStatusCode.NoContent or HttpStatusCode.NotModified, again.Text);
        JsonNode state = await StateAsync();
        Assert.Equal(("exited", 7), (Text(state, "Status"), state["ExitCode"]!.GetValue<int>())); // docker's member
        Assert.False(Directory.Exists($"/proc/{pid}"));
        await daemon.KillAsync();
        await daemon.StartAsync();
        Assert.Equal("exited", Text(await StateAsync(), "Status")); // a stopped one stays so
    }

    private async Task RemoveAsync(bool isForced)
    {
        if (isForced)
        {
            await MakeRunningAsync(["sleep", "1000"]);
        }
        else
        {
            await Api.CreateAsync(Subject, ["true"]);
            (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
            Assert.Equal(0, await WaitAsync(Subject));
        }

        string path = isForced ? $"/containers/{Subject}?force=1" : $"/containers/{Subject}";
        await FailAsync(() => Api.DeleteAsync(path));
        bool isGone = (await Api.GetAsync($"/containers/{Subject}/json")).Status == HttpStatusCode.NotFound;
        if (!isForced || point.StartsWith("rm.", StringComparison.Ordinal) || point is FailPoints.TrashTaken or FailPoints.JournalSynced + ":2")
        {
            Assert.True(isGone || point == FailPoints.JournalWritten, "the removal was recorded");
        }

        (await Api.DeleteAsync(path)).Expect(isGone ? HttpStatusCode.NotFound : HttpStatusCode.NoContent);
        (await Api.GetAsync($"/containers/{Subject}/json")).Expect(HttpStatusCode.NotFound);
    }

    private async Task ExecAsync()
    {
        await MakeRunningAsync(["sleep", "1000"]);
        int pid = Pid(await StateAsync());
        string? execId = null;
        await FailAsync(async () =>
        {
            execId = await CreateExecAsync();
            (await Api.PostAsync($"/exec/{execId}/start", new JsonObject { ["Detach"] = true })).Expect(HttpStatusCode.OK);
        });
        Assert.Equal(("running", pid), (Text(await StateAsync(), "Status"), Pid(await StateAsync())));
        Assert.Equal(execId is not null, point is FailPoints.ExecStartTold or FailPoints.ExecStarted);
        if (execId is not null)
        {
            JsonNode exec = (await Api.GetAsync($"/exec/{execId}/json")).Expect(HttpStatusCode.OK).Json;
            Assert.True(exec["Running"]!.GetValue<bool>() || point == FailPoints.ExecStartTold); // docker's member
        }

        string again = await CreateExecAsync();
        (await Api.PostAsync($"/exec/{again}/start", new JsonObject { ["Detach"] = true })).Expect(HttpStatusCode.OK);
        Assert.True((await Api.GetAsync($"/exec/{again}/json")).Expect(HttpStatusCode.OK).Json["Running"]!.GetValue<bool>()); // docker's member
    }

    private async Task CommitAsync()
    {
        await Api.CreateAsync(Subject, ["sh", "-c", "echo committed > /committed"]);
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(0, await WaitAsync(Subject));
        await AddImageAsync("committed", async () => (await Api.PostAsync($"/commit?container={Subject}&repo=committed")).Expect(HttpStatusCode.Created));
    }

    private async Task AddImageAsync(string name, Func<Task> add)
    {
        HashSet<string> before = Content();
        await FailAsync(add);
        bool isThere = (await Api.GetAsync($"/images/{name}/json")).Status == HttpStatusCode.OK;
        AssertDone(
            isThere,
            [FailPoints.JournalSynced, FailPoints.ImageRecorded],
            [FailPoints.ImageBlobPublished, FailPoints.ImageLayerPublished, FailPoints.ImageDocumentWritten, FailPoints.ImageSynced]);
        if (!isThere)
        {
            await Poll.UntilAsync(() => Content().SetEquals(before), "nothing is left of an image that was not recorded");
        }

        await CheckWholeAsync(name, isThere);
        await add();
        await CheckWholeAsync(name, isThere: true);
    }

    private async Task RemoveImageAsync()
    {
        HashSet<string> before = Content();
        await LoadAsync();
        await FailAsync(() => Api.DeleteAsync("/images/victim"));
        bool isThere = (await Api.GetAsync("/images/victim/json")).Status == HttpStatusCode.OK;
        Assert.True(!isThere || point == FailPoints.JournalWritten, "the removal was recorded");
        await CheckWholeAsync("victim", isThere);
        (await Api.DeleteAsync("/images/victim")).Expect(isThere ? HttpStatusCode.OK : HttpStatusCode.NotFound);
        await Poll.UntilAsync(() => Content().SetEquals(before), "nothing is left of a removed image");
    }

    private async Task TagAsync()
    {
        await FailAsync(() => Api.PostAsync("/images/busybox/tag?repo=second"));
        bool isThere = (await Api.GetAsync("/images/second/json")).Status == HttpStatusCode.OK;
        AssertDone(isThere, [FailPoints.JournalSynced, FailPoints.TagRecorded], []);
        (await Api.PostAsync("/images/busybox/tag?repo=second")).Expect(HttpStatusCode.Created);
        await CheckWholeAsync("second", isThere: true);
        (await Api.DeleteAsync("/images/second")).Expect(HttpStatusCode.OK);
    }

    private async Task RestartAsync()
    {
        await MakeAsync(["sh", "-c", "sleep 0.2; exit 3"], static host => host["RestartPolicy"] = new JsonObject { ["Name"] = "on-failure", ["MaximumRetryCount"] = 2 });
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/start"));
        await Poll.UntilAsync(async () => Text(await StateAsync(), "Status") == "exited", "all runs are over", 30);
        JsonNode container = (await Api.GetAsync($"/containers/{Subject}/json")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal((2, 3), (container["RestartCount"]!.GetValue<int>(), container["State"]!["ExitCode"]!.GetValue<int>())); // docker's members
    }

    private async Task HealthAsync()
    {
        await MakeAsync(["sleep", "1000"], static _ => { }, new JsonObject { ["Test"] = new JsonArray("CMD", "true"), ["Interval"] = 100_000_000 });
        await FailAsync(() => Api.PostAsync($"/containers/{Subject}/start"));
        await Poll.UntilAsync(async () => (await StateAsync())["Health"]?["Status"]?.GetValue<string>() == "healthy", "the next daemon probes on", 20);
    }

    // The file is made so full before that the next event goes into a new one.
    private async Task EventAsync()
    {
        string file = Path.Combine(daemon.DataRoot, "events", "current");
        await daemon.KillAsync();
        string line = File.ReadLines(file).Last() + "\n";
        await File.AppendAllTextAsync(file, string.Concat(Enumerable.Repeat(line, (int)(((1 << 20) - new FileInfo(file).Length) / line.Length))));
        int known = File.ReadLines(file).Count();
        await daemon.StartAsync();
        await FailAsync(() => Api.PostAsync($"/containers/create?name={Subject}", EngineHttp.Request(["true"])));
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Equal(0, await WaitAsync(Subject));
        string until = DateTimeOffset.UtcNow.AddSeconds(1).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        string told = System.Text.Encoding.UTF8.GetString(await Api.GetBytesAsync($"/events?since=1&until={until}"));
        Assert.InRange(told.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, known + 2, int.MaxValue); // those of before, start and die
    }

    // Kills the present daemon, starts one that fails, lets it, and starts one that does not.
    private async Task FailAsync(Func<Task> operation)
    {
        await daemon.KillAsync();
        await daemon.StartAsync(point);
        isAnswered = await daemon.DiesOfAsync(operation);
        await daemon.StartAsync();
    }

    private void AssertDone(bool isDone, string[] after, string[] before)
    {
        Assert.True(isDone || !(isAnswered || after.Contains(point)), "it was acknowledged, or recorded, and is not there");
        Assert.False(isDone && before.Contains(point), "it was not recorded and is there");
    }

    private Task MakeAsync(string[] command, Action<JsonObject> change, JsonObject? health = null)
    {
        JsonObject request = EngineHttp.Request(command);
        change(request["HostConfig"]!.AsObject()); // made by Request
        if (health is not null)
        {
            request["Healthcheck"] = health;
        }

        return ExpectAsync(Api.PostAsync($"/containers/create?name={Subject}", request), HttpStatusCode.Created);
    }

    private async Task MakeRunningAsync(string[] command, Action<JsonObject>? change = null)
    {
        await MakeAsync(command, change ?? (static _ => { }));
        (await Api.PostAsync($"/containers/{Subject}/start")).Expect(HttpStatusCode.NoContent);
    }

    private static async Task ExpectAsync(Task<Reply> reply, HttpStatusCode status) => (await reply).Expect(status);

    private async Task<string> CreateExecAsync() =>
        (await Api.PostAsync($"/containers/{Subject}/exec", new JsonObject { ["Cmd"] = new JsonArray("sleep", "1000") })).Expect(HttpStatusCode.Created).Json["Id"]!.GetValue<string>(); // docker's member

    private async Task LoadAsync()
    {
        using var archive = new ByteArrayContent(victim);
        (await Api.SendAsync(HttpMethod.Post, "/images/load?quiet=1", archive)).Expect(HttpStatusCode.OK);
        (await Api.GetAsync("/images/victim/json")).Expect(HttpStatusCode.OK);
    }

    // The registry is the mirror of docker.io.
    private async Task PullAsync()
    {
        Assert.Contains("Status: ", (await Api.PostAsync("/images/create?fromImage=victim&tag=latest")).Expect(HttpStatusCode.OK).Text, StringComparison.Ordinal);
        (await Api.GetAsync("/images/victim/json")).Expect(HttpStatusCode.OK);
    }

    private async Task ImportAsync()
    {
        (await Api.ImportAsync(new MemoryStream(SmallRoot), "imported")).Expect(HttpStatusCode.OK);
        (await Api.GetAsync("/images/imported/json")).Expect(HttpStatusCode.OK);
    }

    // An archive with a program in it, the same each time.
    private static byte[] SmallRoot { get; } = MakeSmallRoot();

    private static byte[] MakeSmallRoot()
    {
        using var result = new MemoryStream();
        using (var writer = new TarWriter(result, TarEntryFormat.Pax, leaveOpen: true))
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "true") { Mode = (UnixFileMode)0b111_101_101, DataStream = new MemoryStream(File.ReadAllBytes(Binaries.Busybox)) });
        }

        return result.ToArray();
    }

    // An image that is there can be run; one that is not cannot be found.
    private async Task CheckWholeAsync(string name, bool isThere)
    {
        JsonObject request = EngineHttp.Request([name == "imported" ? "/true" : "/bin/true"]);
        request["Image"] = name;
        Reply made = await Api.PostAsync("/containers/create?name=check", request);
        made.Expect(isThere ? HttpStatusCode.Created : HttpStatusCode.NotFound);
        if (isThere)
        {
            (await Api.PostAsync("/containers/check/start")).Expect(HttpStatusCode.NoContent);
            Assert.Equal(0, await WaitAsync("check"));
            (await Api.DeleteAsync("/containers/check")).Expect(HttpStatusCode.NoContent);
        }
    }

    private async Task CleanUpAsync(HashSet<string> before)
    {
        foreach (JsonNode? container in (await Api.GetAsync("/containers/json?all=1")).Expect(HttpStatusCode.OK).Json.AsArray())
        {
            (await Api.DeleteAsync($"/containers/{container!["Id"]}?force=1")).Expect(HttpStatusCode.NoContent); // a list has no nulls
        }

        foreach (string name in (string[])["victim", "committed", "imported", "built"])
        {
            Reply reply = await Api.DeleteAsync($"/images/{name}?force=1");
            Assert.True(reply.Status is HttpStatusCode.OK or HttpStatusCode.NotFound, reply.Text);
        }

        (await Api.PostAsync("/images/prune")).Expect(HttpStatusCode.OK); // a repeated commit takes the name from the first
        (await Api.PostAsync("/build/prune?all=1")).Expect(HttpStatusCode.OK);
        await Leftovers.AssertNoneAsync(daemon, imagesToo: false, isRunning: true);
        await Poll.UntilAsync(() => Content().SetEquals(before), "only what was there before is left of images");
    }

    // Whatever of images is on the disk.
    private HashSet<string> Content() =>
        [.. ((string[])["content/blobs/sha256", "content/ingest", "snapshots/layers", "snapshots/ingest", "snapshots/trash"])
            .Select(folder => Path.Combine(daemon.DataRoot, folder)).Where(Directory.Exists).SelectMany(Directory.EnumerateFileSystemEntries)];

    private async Task<JsonNode> StateAsync() => (await Api.GetAsync($"/containers/{Subject}/json")).Expect(HttpStatusCode.OK).Json["State"]!; // docker's member

    private static string Text(JsonNode state, string member) => state[member]!.GetValue<string>(); // docker's member

    private static int Pid(JsonNode state) => state["Pid"]!.GetValue<int>(); // docker's member

    private async Task<int> WaitAsync(string container) =>
        (await Api.PostAsync($"/containers/{container}/wait")).Expect(HttpStatusCode.OK).Json["StatusCode"]!.GetValue<int>(); // docker's member
}
