using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>
/// Containers that live while their daemon is killed again and again. Every call is repeated until it is answered; what was answered is remembered, and
/// <see cref="VerifyAsync"/> asks for it.
/// </summary>
internal sealed class CrashWorkload(RunningDaemon daemon, int round)
{
    private const int Lives = 6;
    private const int Lines = 30;
    private readonly ConcurrentDictionary<string, Life> lives = new(StringComparer.Ordinal);

    /// <summary>Ids of the containers whose creation was acknowledged or found afterwards.</summary>
    public IEnumerable<string> Ids => lives.Keys;

    public Task RunAsync() => Task.WhenAll(Enumerable.Range(0, Lives).Select(i => i % 3 == 2 ? StoppedAsync(i) : PrintingAsync(i)));

    /// <summary>Every container is known, ended with its status, and has all its lines; its process was the same through all kills.</summary>
    public async Task VerifyAsync()
    {
        foreach ((string id, Life life) in lives)
        {
            JsonNode state = (await daemon.Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json["State"]!; // docker's member
            Assert.True(state["Status"]!.GetValue<string>() == "exited", $"{life.Name}: {state.ToJsonString()}"); // as above
            Assert.True(state["ExitCode"]!.GetValue<int>() == life.Status, $"{life.Name} ended with {life.Status}, the daemon says: {state.ToJsonString()}"); // as above
            string log = Multiplexed.Text(await daemon.Api.GetBytesAsync($"/containers/{id}/logs?stdout=1&stderr=1"));
            string wanted = string.Concat(Enumerable.Range(0, life.Lines).Select(static i => $"line {i.ToString(CultureInfo.InvariantCulture)}\n"));
            Assert.True(log.StartsWith(wanted, StringComparison.Ordinal), $"{life.Name} has lost lines:\n{log}");
        }
    }

    // Prints numbered lines for about 0.6 s, then ends with a status of its own.
    private async Task PrintingAsync(int number)
    {
        var life = new Life($"r{round}-{number}", 10 + number, Lines);
        string id = await CreateAsync(life, $"i=0; while [ $i -lt {Lines} ]; do echo line $i; i=$((i+1)); sleep 0.02; done; exit {life.Status}");
        await StartAsync(id);
        await ExecAsync(id);
        Reply wait = await InsistAsync(() => daemon.Api.PostAsync($"/containers/{id}/wait"), "wait");
        Assert.Equal(life.Status, wait.Expect(HttpStatusCode.OK).Json["StatusCode"]!.GetValue<int>()); // docker's member
    }

    // Runs until it is stopped and then ends with a status of its own; its process id never changes.
    private async Task StoppedAsync(int number)
    {
        var life = new Life($"r{round}-{number}", 60 + number, 1);
        string id = await CreateAsync(life, $"trap 'exit {life.Status}' TERM; echo line 0; while true; do sleep 0.02; done");
        await StartAsync(id);
        int pid = await PidAsync(id);
        await Poll.UntilAsync(async () => (await LogAsync(id)).Contains("line 0", StringComparison.Ordinal), $"{life.Name} is ready");
        for (int i = 0; i < 5; i++)
        {
            await Task.Delay(100);
            Assert.Equal(pid, await PidAsync(id));
        }

        Reply stop = await InsistAsync(() => daemon.Api.PostAsync($"/containers/{id}/stop?t=20"), "stop");
        Assert.True(stop.Status is HttpStatusCode.NoContent or HttpStatusCode.NotModified, $"stop: {(int)stop.Status} {stop.Text}");
    }

    private async Task<string> CreateAsync(Life life, string script)
    {
        Reply reply = await InsistAsync(() => daemon.Api.PostAsync($"/containers/create?name={life.Name}", EngineHttp.Request(["sh", "-c", script])), "create");
        if (reply.Status == HttpStatusCode.Conflict)
        {
            // An earlier try was carried out but its answer was lost with the daemon.
            reply = (await InsistAsync(() => daemon.Api.GetAsync($"/containers/{life.Name}/json"), "inspect")).Expect(HttpStatusCode.OK);
        }
        else
        {
            reply.Expect(HttpStatusCode.Created);
        }

        string id = reply.Json["Id"]!.GetValue<string>(); // docker's member
        lives[id] = life;
        return id;
    }

    private async Task StartAsync(string id)
    {
        while (true)
        {
            JsonNode state = await StateAsync(id);
            if (state["Status"]!.GetValue<string>() != "created") // docker's member
            {
                return;
            }

            Reply? reply = await TryAsync(() => daemon.Api.PostAsync($"/containers/{id}/start"));
            if (reply is not null)
            {
                Assert.True(reply.Status is HttpStatusCode.NoContent or HttpStatusCode.NotModified, $"start: {(int)reply.Status} {reply.Text}");
                return;
            }
        }
    }

    // One exec whose answer may be lost; an answer that comes must be right.
    private async Task ExecAsync(string id)
    {
        Reply? made = await TryAsync(() => daemon.Api.PostAsync($"/containers/{id}/exec", new JsonObject { ["AttachStdout"] = true, ["Cmd"] = new JsonArray("echo", "from exec") }));
        if (made is null || made.Status == HttpStatusCode.Conflict)
        {
            return; // the daemon died, or the container has ended already
        }

        made.Expect(HttpStatusCode.Created);
        Reply? started = await TryAsync(() => daemon.Api.PostAsync($"/exec/{made.Json["Id"]}/start", new JsonObject { ["Detach"] = false }));
        if (started is { Status: HttpStatusCode.OK, Text.Length: > 0 })
        {
            Assert.Contains("from exec", started.Text, StringComparison.Ordinal);
        }
    }

    private async Task<JsonNode> StateAsync(string id) =>
        (await InsistAsync(() => daemon.Api.GetAsync($"/containers/{id}/json"), "inspect")).Expect(HttpStatusCode.OK).Json["State"]!; // docker's member

    private async Task<int> PidAsync(string id) => (await StateAsync(id))["Pid"]!.GetValue<int>(); // docker's member

    private async Task<string> LogAsync(string id)
    {
        while (true)
        {
            try
            {
                return Multiplexed.Text(await daemon.Api.GetBytesAsync($"/containers/{id}/logs?stdout=1&stderr=1"));
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                await Task.Delay(10);
            }
        }
    }

    private static async Task<Reply> InsistAsync(Func<Task<Reply>> call, string what)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            if (await TryAsync(call) is { } reply)
            {
                return reply;
            }

            Assert.True(clock.Elapsed.TotalSeconds < 60, $"{what} was not answered within 60 s");
            await Task.Delay(10);
        }
    }

    // Null when the daemon was not there or died before it had answered in full.
    private static async Task<Reply?> TryAsync(Func<Task<Reply>> call)
    {
        try
        {
            Reply reply = await call();
            bool isCutOff = reply is { Status: HttpStatusCode.OK, Text.Length: 0 };
            return isCutOff ? null : reply;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return null;
        }
    }

    private sealed record Life(string Name, int Status, int Lines);
}
