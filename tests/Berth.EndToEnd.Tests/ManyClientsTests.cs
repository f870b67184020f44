using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Many clients at one container, and many containers.</summary>
public sealed class ManyClientsTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const int Clients = 50;

    private EngineHttp Api => fixture.Api;

    [Fact]
    public async Task Fifty_clients_at_one_container_never_wait_for_each_other_for_ever()
    {
        for (int round = 0; round < 4; round++)
        {
            string id = await Api.CreateAsync(fixture.NewName(), ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]);
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => UseAsync(id, client)))).WaitAsync(TimeSpan.FromSeconds(100));
            Reply state = (await Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK);
            int pid = (int)state.Json["State"]!["Pid"]!; // always there
            Assert.Equal((bool)state.Json["State"]!["Running"]!, pid > 0); // likewise
            HttpStatusCode[] removals = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () => (await Api.DeleteAsync($"/containers/{id}?force=1")).Status)));
            Assert.Single(removals, HttpStatusCode.NoContent);
            Assert.All(removals, static status => Assert.True(status is HttpStatusCode.NoContent or HttpStatusCode.Conflict or HttpStatusCode.NotFound, $"rm -f: {(int)status}"));
        }
    }

    [Fact]
    public async Task Of_fifty_starts_one_wins_and_of_fifty_stops_too()
    {
        string id = await Api.CreateAsync(fixture.NewName(), ["sleep", "1000"]);
        foreach (string operation in (string[])["start", "kill"])
        {
            HttpStatusCode[] answers = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(async () => (await Api.PostAsync($"/containers/{id}/{operation}")).Status)));
            int won = answers.Count(static status => status == HttpStatusCode.NoContent);
            Assert.True(operation == "start" ? won == 1 : won >= 1, $"{operation}: {won} of {Clients} won");
            Assert.All(answers, static status => Assert.True(status is HttpStatusCode.NoContent or HttpStatusCode.NotModified or HttpStatusCode.Conflict, $"{(int)status}"));
        }

        (await Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task A_daemon_with_a_thousand_containers_and_300_images_starts_within_two_seconds_and_lists_within_60_ms()
    {
        string prefix = fixture.NewName() + "-";
        for (int i = 0; i < 300; i++)
        {
            (await Api.ImportAsync(new MemoryStream(SmallArchive(i)), "many-images", i.ToString(System.Globalization.CultureInfo.InvariantCulture))).Expect(HttpStatusCode.OK);
        }

        var ids = new System.Collections.Concurrent.ConcurrentBag<string>();
        await Parallel.ForEachAsync(Enumerable.Range(0, 1000), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (index, _) =>
            ids.Add(await Api.CreateAsync(prefix + index.ToString(System.Globalization.CultureInfo.InvariantCulture), ["true"])));
        await fixture.Daemon.KillAsync();
        TimeSpan start = await fixture.Daemon.StartAsync();
        Assert.True(start.TotalSeconds < 2, $"the daemon took {start.TotalSeconds} s");
        Assert.Equal(1000, (await Api.GetAsync($"/containers/json?all=1&filters={{\"name\":[\"{prefix}\"]}}")).Json.AsArray().Count);
        TimeSpan fastest = TimeSpan.MaxValue;
        for (int i = 0; i < 10; i++)
        {
            var clock = System.Diagnostics.Stopwatch.StartNew();
            (await fixture.Berth.RunAsync("ps", "-a")).Expect();
            fastest = clock.Elapsed < fastest ? clock.Elapsed : fastest;
        }

        Assert.True(fastest.TotalMilliseconds < 60, $"ps -a took {fastest.TotalMilliseconds} ms at best");
        foreach (string id in ids)
        {
            (await Api.DeleteAsync($"/containers/{id}")).Expect(HttpStatusCode.NoContent);
        }

        for (int i = 0; i < 300; i++)
        {
            (await Api.DeleteAsync($"/images/many-images:{i}")).Expect(HttpStatusCode.OK);
        }
    }

    private static byte[] SmallArchive(int number)
    {
        using var archive = new MemoryStream();
        using (var writer = new System.Formats.Tar.TarWriter(archive, leaveOpen: true))
        {
            writer.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "number") { DataStream = new MemoryStream(BitConverter.GetBytes(number)) });
        }

        return archive.ToArray();
    }

    [Fact]
    public async Task Several_clients_see_the_same_output()
    {
        string name = fixture.NewName();
        JsonObject request = EngineHttp.Request(["cat"]);
        request["OpenStdin"] = true;
        string id = (string)(await Api.PostAsync($"/containers/create?name={name}", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // a created answer has an id
        (await Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        await using CliSession first = fixture.Berth.Start("attach", name);
        await using CliSession second = fixture.Berth.Start("attach", "--no-stdin", name);
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/events?since=0&until={DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1}&filters={{\"container\":[\"{id}\"],\"event\":[\"attach\"]}}")).Text.Count(static c => c == '\n') == 2, "two attachments", 20);
        await first.WriteAsync("to all\n");
        await first.ExpectAsync("to all");
        await second.ExpectAsync("to all");
        (await Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
        await first.WaitAsync();
        await second.WaitAsync();
    }

    // Each does what it likes; what it is told must be one of the answers that the operation has.
    private async Task UseAsync(string id, int client)
    {
        var random = new Random(client);
        for (int i = 0; i < 6; i++)
        {
            string operation = ((string[])["start", "stop?t=1", "kill", "pause", "unpause", "exec", "restart?t=1", "update"])[random.Next(8)];
            Reply reply = operation switch
            {
                "exec" => await ExecAsync(id),
                "update" => await Api.PostAsync($"/containers/{id}/update", new JsonObject { ["PidsLimit"] = 100 }),
                _ => await Api.PostAsync($"/containers/{id}/{operation}"),
            };
            bool isKnown = reply.Status is HttpStatusCode.NoContent or HttpStatusCode.OK or HttpStatusCode.NotModified or HttpStatusCode.Conflict
                || reply.Text.Contains("is not paused", StringComparison.Ordinal);
            Assert.True(isKnown, $"{operation}: {(int)reply.Status} {reply.Text}");
        }
    }

    private async Task<Reply> ExecAsync(string id)
    {
        Reply made = await Api.PostAsync($"/containers/{id}/exec", new JsonObject { ["Cmd"] = new JsonArray("true") });
        if (made.Status != HttpStatusCode.Created)
        {
            return made;
        }

        Reply started = await Api.PostAsync($"/exec/{made.Json["Id"]}/start", new JsonObject { ["Detach"] = true });
        return started.Status is HttpStatusCode.NotFound or HttpStatusCode.BadRequest or HttpStatusCode.InternalServerError ? made with { Status = HttpStatusCode.Conflict } : started; // its run ended before
    }
}
