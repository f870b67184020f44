using System.Formats.Tar;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>A daemon whose containers have an init unless they say otherwise.</summary>
public sealed class InitFixture() : DaemonFixture("--init");

/// <summary>Containers with an init of the engine's own.</summary>
public sealed class InitTests(InitFixture fixture) : IClassFixture<InitFixture>
{
    private EngineHttp Api => fixture.Api;

    [Fact]
    public async Task It_is_the_first_process_and_reaps_what_others_leave()
    {
        string id = await StartAsync("ps -o pid,ppid,pgid,comm,args; (sleep 0.3 & exec true); sleep 1000");
        await LogAsync(id, "sleep 0.3");
        string[] shown = (await LogAsync(id, "docker-init")).Split('\n');
        Assert.Matches("^ *1 +0 +1 +docker-init +/sbin/docker-init -- sh -c ps", shown[1]);
        Assert.Matches("^ *([0-9]+) +1 +\\1 +sh +sh -c ps", shown[2]);

        JsonNode top = (await Api.GetAsync($"/containers/{id}/top?ps_args=-o+pid,stat,args")).Expect(HttpStatusCode.OK).Json;
        Assert.StartsWith("/sbin/docker-init -- sh -c", (string?)top["Processes"]![0]![2], StringComparison.Ordinal);
        await Poll.UntilAsync(async () => !(await Api.GetAsync($"/containers/{id}/top?ps_args=-o+pid,stat,args")).Text.Contains("sleep 0.3\"", StringComparison.Ordinal), "the orphan to be gone", 10);
        Assert.DoesNotContain("\"Z", (await Api.GetAsync($"/containers/{id}/top?ps_args=-o+pid,stat,args")).Text, StringComparison.Ordinal);

        JsonNode inspect = await InspectAsync(id);
        Assert.Equal(("sh", "-c", null), ((string?)inspect["Path"], (string?)inspect["Args"]![0], (bool?)inspect["HostConfig"]!["Init"]));

        // What is left by a process that was added later comes to it as well.
        (await Api.PostAsync($"/exec/{await ExecAsync(id, "sh", "-c", "sleep 0.2 & exit 0")}/start", new JsonObject { ["Detach"] = true })).Expect(HttpStatusCode.OK);
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{id}/top?ps_args=-o+pid,stat,args")).Json["Processes"]!.AsArray().Count == 3, "the others to be reaped", 10); // init, shell, sleep 1000
        await RemoveAsync(id);
    }

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 42", 42)]
    [InlineData("kill -9 $$", 137)]
    [InlineData("kill -TERM $$", 143)]
    [InlineData("kill -SEGV $$", 139)]
    public async Task It_ends_as_the_program_does(string script, int status)
    {
        string id = await StartAsync(script);
        Assert.Equal(status, await WaitAsync(id));
        await RemoveAsync(id);
    }

    [Fact]
    public async Task What_cannot_be_run_is_told_by_docker_inits_statuses()
    {
        foreach ((string program, int status) in ((string, int)[])[("nobody-has-this", 127), ("/etc/nothing", 127), ("/etc/passwd", 126)])
        {
            string id = await CreateAsync([program]);
            await PostAsync(id, "start");
            Assert.Equal(status, await WaitAsync(id));
            Assert.Contains($"docker-init: exec {program} failed: ", await LogAsync(id, "failed"), StringComparison.Ordinal);
            await RemoveAsync(id);
        }

        // A script whose first line names no interpreter is the shell's, as with execvp(3).
        foreach ((string folder, string program) in ((string, string)[])[("/tmp", "/tmp/script"), ("/bin", "script")])
        {
            string script = await CreateAsync([program, "words"]);
            using var archive = new MemoryStream();
            await using (var tar = new TarWriter(archive, leaveOpen: true))
            {
                await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, "script") { Mode = (UnixFileMode)0b111_101_101, DataStream = new MemoryStream("echo some $1\n"u8.ToArray()) });
            }

            (await Api.SendAsync(HttpMethod.Put, $"/containers/{script}/archive?path={folder}", new ByteArrayContent(archive.ToArray()))).Expect(HttpStatusCode.OK);
            await PostAsync(script, "start");
            Assert.Equal(0, await WaitAsync(script));
            Assert.Equal("some words\n", await LogAsync(script, "some"));
            await RemoveAsync(script);
        }
    }

    [Fact]
    public async Task Signals_reach_the_program_which_would_not_get_them_as_the_first_process()
    {
        // Nothing is set up for SIGTERM: as process 1 it would be ignored.
        string plain = await CreateAsync(["sleep", "1000"]);
        await PostAsync(plain, "start");
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{plain}/top")).Text.Contains("\"sleep 1000", StringComparison.Ordinal), "the program", 10);
        await PostAsync(plain, "stop?t=30");
        Assert.Equal(143, (int?)(await InspectAsync(plain))["State"]!["ExitCode"]);
        await PostAsync(plain, "start");
        Assert.True((bool?)(await InspectAsync(plain))["State"]!["Running"]);
        await PostAsync(plain, "restart?t=30");
        Assert.StartsWith("/sbin/docker-init", (string?)(await Api.GetAsync($"/containers/{plain}/top?ps_args=-o+pid,args")).Json["Processes"]![0]![1], StringComparison.Ordinal);
        await RemoveAsync(plain);

        string each = await StartAsync("for s in HUP INT USR1 USR2 WINCH CONT ALRM; do trap \"echo got $s\" $s; done; trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
        await LogAsync(each, "ready");
        foreach (string signal in (string[])["HUP", "INT", "USR1", "USR2", "WINCH", "CONT", "ALRM"])
        {
            await PostAsync(each, $"kill?signal={signal}");
            await LogAsync(each, "got " + signal);
        }

        await PostAsync(each, "kill?signal=TERM");
        Assert.Equal(7, await WaitAsync(each));
        await RemoveAsync(each);

        string group = await StartAsync("trap 'exit 0' TERM; sleep 1000 & kill -s USR1 0; wait"); // the group is the program's own: it ends by what it sends to it, the init does not
        Assert.Equal(138, await WaitAsync(group));
        await RemoveAsync(group);
    }

    [Fact]
    public async Task A_terminals_keys_reach_the_program_and_job_control_works()
    {
        JsonObject request = EngineHttp.Request(["sh"], tty: true);
        request["OpenStdin"] = true;
        string id = await CreateAsync(request);
        await using WebSocketSession terminal = await WebSocketSession.OpenAsync(Api, $"/v1.51/containers/{id}/attach/ws?stream=1&stdin=1&stdout=1");
        await PostAsync(id, "start");
        await terminal.SendAsync("tty; sleep 1000; echo after=$?\n");
        await terminal.ReadUntilAsync("/dev/pts/0");
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{id}/top")).Text.Contains("\"sleep 1000", StringComparison.Ordinal), "the command", 10);
        await terminal.SendAsync("\x03");
        await terminal.ReadUntilAsync("# ");
        await terminal.SendAsync("sleep 1000\n");
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{id}/top")).Text.Contains("\"sleep 1000", StringComparison.Ordinal), "the command", 10);
        await terminal.SendAsync("\x1a");
        await terminal.ReadUntilAsync("Stopped");
        await terminal.SendAsync("kill -9 %1\nexit 21\nexit 21\n");
        Assert.Equal(21, await WaitAsync(id));
        await RemoveAsync(id);
    }

    [Fact]
    public async Task It_is_left_out_where_it_is_not_wanted_or_would_be_nothing()
    {
        foreach (JsonObject host in (JsonObject[])[new() { ["Init"] = false }, new() { ["Init"] = true, ["PidMode"] = "host" }])
        {
            string id = await StartAsync("exec sleep 1000", host);
            JsonNode top = (await Api.GetAsync($"/containers/{id}/top?ps_args=-o+pid,args")).Json;
            Assert.DoesNotContain("init", (string?)Assert.Single(top["Processes"]!.AsArray())![1], StringComparison.Ordinal); // the shell, or sleep already
            await RemoveAsync(id);
        }
    }

    [Fact]
    public async Task It_works_without_privileges_and_with_little_memory()
    {
        JsonObject request = EngineHttp.Request(["sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done"]);
        request["User"] = "65534:65534";
        JsonObject host = request["HostConfig"]!.AsObject();
        host["Memory"] = 6 << 20;
        host["PidsLimit"] = 10;
        host["ReadonlyRootfs"] = true;
        host["CapDrop"] = new JsonArray("ALL");
        host["SecurityOpt"] = new JsonArray("no-new-privileges");
        string id = await CreateAsync(request);
        await PostAsync(id, "start");
        await LogAsync(id, "ready");
        await PostAsync(id, "stop?t=30");
        Assert.Equal(3, (int?)(await InspectAsync(id))["State"]!["ExitCode"]);
        await RemoveAsync(id);
    }

    [Fact]
    public async Task Attack01_the_hosts_program_cannot_be_written_through_it()
    {
        byte[] before = SHA256.HashData(await File.ReadAllBytesAsync(Binaries.BerthRuntime));
        const string script = """
            for f in /sbin/docker-init /proc/1/exe; do echo x >> $f && echo wrote; rm -f $f && echo removed; done
            exec 3</sbin/docker-init; echo x >> /proc/self/fd/3 && echo wrote
            mount -o remount,rw,bind /sbin/docker-init && echo x >> /sbin/docker-init && echo wrote
            printf '#!/proc/1/exe\n' > /s; chmod +x /s; /s -- true; echo done
            """;
        string plain = await StartAsync(script);
        Assert.Equal(0, await WaitAsync(plain));
        string said = await LogAsync(plain, "done");
        Assert.DoesNotContain("wrote", said, StringComparison.Ordinal);
        Assert.DoesNotContain("removed", said, StringComparison.Ordinal);
        await RemoveAsync(plain);

        // Whoever may mount can make its mount writable; what it is of is not what the engine runs.
        string strong = await StartAsync("mount -o remount,rw,bind /sbin/docker-init; echo x >> /sbin/docker-init; cp /bin/busybox /tmp/b; mv /tmp/b /sbin/docker-init; echo done", new JsonObject { ["CapAdd"] = new JsonArray("SYS_ADMIN"), ["SecurityOpt"] = new JsonArray("seccomp=unconfined") });
        Assert.Equal(0, await WaitAsync(strong));
        await RemoveAsync(strong);
        Assert.Equal(before, SHA256.HashData(await File.ReadAllBytesAsync(Binaries.BerthRuntime)));
    }

    [Fact]
    public async Task It_outlives_the_daemon_and_stays_small()
    {
        string id = await StartAsync("trap 'exit 4' TERM; echo ready; while :; do sleep 0.05; done");
        await LogAsync(id, "ready");
        int pid = (int)(await InspectAsync(id))["State"]!["Pid"]!; // it runs
        await fixture.Daemon.KillAsync();
        await fixture.Daemon.StartAsync();
        Assert.Equal(pid, (int?)(await InspectAsync(id))["State"]!["Pid"]);
        long own = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/smaps_rollup")).Where(static line => line.StartsWith("Pss:", StringComparison.Ordinal))
            .Sum(static line => long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture));
        Assert.InRange(own, 1, 2500); // KiB
        await PostAsync(id, "stop?t=30");
        Assert.Equal(4, (int?)(await InspectAsync(id))["State"]!["ExitCode"]);
        await RemoveAsync(id);
    }

    private Task<string> StartAsync(string script, JsonObject? host = null) => StartAsync(["sh", "-c", script], host);

    private async Task<string> StartAsync(string[] command, JsonObject? host)
    {
        JsonObject request = EngineHttp.Request(command);
        foreach ((string key, JsonNode? value) in host ?? [])
        {
            request["HostConfig"]![key] = value?.DeepClone();
        }

        string id = await CreateAsync(request);
        await PostAsync(id, "start");
        return id;
    }

    private Task<string> CreateAsync(string[] command) => CreateAsync(EngineHttp.Request(command));

    private async Task<string> CreateAsync(JsonObject request) =>
        (string)(await Api.PostAsync($"/containers/create?name={fixture.NewName()}", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // a created answer has an id

    private async Task<string> ExecAsync(string id, params string[] command)
    {
        var request = new JsonObject { ["Cmd"] = new JsonArray([.. command.Select(static word => (JsonNode)word)]) };
        return (string)(await Api.PostAsync($"/containers/{id}/exec", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // as above
    }

    private async Task<string> LogAsync(string id, string text)
    {
        string log = "";
        await Poll.UntilAsync(async () => (log = Multiplexed.Text(await Api.GetBytesAsync($"/containers/{id}/logs?stdout=1&stderr=1"))).Contains(text, StringComparison.Ordinal), $"\"{text}\" in the log", 20);
        return log;
    }

    private async Task<int> WaitAsync(string id) => (int)(await Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK).Json["StatusCode"]!; // always there

    private async Task<JsonNode> InspectAsync(string id) => (await Api.GetAsync($"/containers/{id}/json")).Expect(HttpStatusCode.OK).Json;

    private async Task PostAsync(string id, string operation) => (await Api.PostAsync($"/containers/{id}/{operation}")).Expect(HttpStatusCode.NoContent);

    private async Task RemoveAsync(string id) => (await Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
}
