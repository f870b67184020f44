using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Small rules of the API that clients rely on.</summary>
public sealed class ApiDetailTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private EngineHttp Api => fixture.Api;

    [Fact]
    public async Task A_wait_tells_why_a_container_could_not_start()
    {
        string id = await Api.CreateAsync(fixture.NewName(), ["no-such-program"]);
        string refusal = (await Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.BadRequest).Message;
        JsonNode answer = (await Api.PostAsync($"/containers/{id}/wait")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal((127, refusal), ((int?)answer["StatusCode"], (string?)answer["Error"]!["Message"]));

        string good = await Api.CreateAsync(fixture.NewName(), ["true"]);
        (await Api.PostAsync($"/containers/{good}/start")).Expect(HttpStatusCode.NoContent);
        Assert.Null((await Api.PostAsync($"/containers/{good}/wait")).Json["Error"]);
        await RemoveAsync(id);
        await RemoveAsync(good);
    }

    [Fact]
    public async Task The_size_of_a_session_that_is_being_started_is_waited_for()
    {
        string id = await Api.CreateAsync(fixture.NewName(), ["sleep", "1000"]);
        (await Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        for (int i = 0; i < 10; i++)
        {
            string exec = await ExecAsync(id, "sh", "-c", "while [ \"$(stty size)\" != '17 71' ]; do sleep 0.02; done");
            Task<Reply> resize = Api.PostAsync($"/exec/{exec}/resize?h=17&w=71");
            await Task.Delay(i);
            (await Api.PostAsync($"/exec/{exec}/start", new JsonObject { ["Detach"] = true, ["Tty"] = true })).Expect(HttpStatusCode.OK);
            (await resize).Expect(HttpStatusCode.OK);
            await Poll.UntilAsync(async () => (bool?)(await Api.GetAsync($"/exec/{exec}/json")).Json["Running"] == false, "the session to see its size", 20);
            Assert.Equal("no such exec", (await Api.PostAsync($"/exec/{exec}/resize?h=17&w=71")).Expect(HttpStatusCode.NotFound).Message);
        }

        string never = await ExecAsync(id, "true");
        Assert.Equal("timeout waiting for exec session ready", (await Api.PostAsync($"/exec/{never}/resize?h=17&w=71")).Expect(HttpStatusCode.InternalServerError).Message);
        await RemoveAsync(id);
    }

    [Fact]
    public async Task A_probes_line_is_given_to_the_containers_own_shell()
    {
        JsonObject request = EngineHttp.Request(["sleep", "1000"]);
        request["Shell"] = new JsonArray("/bin/busybox", "echo", "own shell:");
        request["Healthcheck"] = new JsonObject { ["Test"] = new JsonArray("CMD-SHELL", "a line"), ["Interval"] = 100_000_000 };
        string id = (string)(await Api.PostAsync($"/containers/create?name={fixture.NewName()}", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // a created answer has an id
        (await Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{id}/json")).Text.Contains("\"Output\":\"own shell: a line\\n\"", StringComparison.Ordinal), "the probe's output", 20);
        Assert.Equal("/bin/busybox", (string?)(await Api.GetAsync($"/containers/{id}/json")).Json["Config"]!["Shell"]![0]);
        await RemoveAsync(id);
    }

    [Fact]
    public async Task An_image_is_told_as_each_version_of_the_api_has_it()
    {
        JsonNode now = (await Api.GetAsync("/v1.51/images/busybox/json")).Expect(HttpStatusCode.OK).Json;
        Assert.Null(now["ContainerConfig"]);
        Assert.Null(now["Container"]);
        Assert.False(now["Config"]!.AsObject().ContainsKey("AttachStdin"));
        Assert.False(now.AsObject().ContainsKey("VirtualSize"));
        JsonNode before = (await Api.GetAsync("/v1.49/images/busybox/json")).Expect(HttpStatusCode.OK).Json;
        Assert.False(before.AsObject().ContainsKey("ContainerConfig"));
        Assert.False((bool?)before["Config"]!["AttachStdin"]);
        Assert.True(before["Config"]!.AsObject().ContainsKey("Volumes"));
        JsonNode old = (await Api.GetAsync("/v1.41/images/busybox/json")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(
            ["Hostname", "Domainname", "User", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "Env", "Cmd", "Image", "Volumes", "WorkingDir", "Entrypoint", "OnBuild", "Labels"],
            old["ContainerConfig"]!.AsObject().Select(static member => member.Key));
        Assert.Equal((long?)old["Size"], (long?)old["VirtualSize"]);
        Assert.Equal("", (string?)old["Container"]);
    }

    [Fact]
    public async Task Links_are_refused_where_they_contradict_the_network()
    {
        string target = fixture.NewName(), own = fixture.NewName();
        string id = await Api.CreateAsync(target, ["true"]);
        Assert.Equal("conflicting options: host type networking can't be used with links. This would result in undefined behavior", (await LinkAsync(own, "host", target)).Expect(HttpStatusCode.BadRequest).Message);
        Assert.Equal("conflicting options: container type network can't be used with links. This would result in undefined behavior", (await LinkAsync(own, "container:" + target, target)).Expect(HttpStatusCode.BadRequest).Message);
        Assert.Equal("could not get container for nobody: No such container: nobody", (await LinkAsync(own, "none", "nobody:x")).Expect(HttpStatusCode.BadRequest).Message);
        Assert.Equal("bad format for links: a:b:c", (await LinkAsync(own, "none", "a:b:c")).Expect(HttpStatusCode.BadRequest).Message);
        string linked = (string)(await LinkAsync(own, "none", target + ":db")).Expect(HttpStatusCode.Created).Json["Id"]!; // a created answer has an id
        Assert.Equal($"/{target}:/{own}/db", (string?)Assert.Single((await Api.GetAsync($"/containers/{linked}/json")).Json["HostConfig"]!["Links"]!.AsArray()));
        await RemoveAsync(linked);
        await RemoveAsync(id);
    }

    [Fact]
    public async Task A_copy_that_does_not_move_keeps_nobody_from_starting_or_removing()
    {
        string id = await Api.CreateAsync(fixture.NewName(), ["sleep", "1000"]);
        using (Socket stalled = await StallAsync(id))
        {
            Task<Reply> start = Api.PostAsync($"/containers/{id}/start");
            (await start.WaitAsync(TimeSpan.FromSeconds(15))).Expect(HttpStatusCode.NoContent);
            Assert.StartsWith("HTTP/1.1 409 ", await AnswerAsync(stalled), StringComparison.Ordinal);
        }

        (await Api.PostAsync($"/containers/{id}/kill")).Expect(HttpStatusCode.NoContent);
        using (Socket stalled = await StallAsync(id))
        {
            (await Api.DeleteAsync($"/containers/{id}?force=1").WaitAsync(TimeSpan.FromSeconds(15))).Expect(HttpStatusCode.NoContent);
            Assert.StartsWith("HTTP/1.1 409 ", await AnswerAsync(stalled), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_refused_HEAD_has_no_body()
    {
        using Socket socket = await Api.ConnectAsync();
        await socket.SendAsync("HEAD /v1.51/containers/nobody/archive?path=/ HTTP/1.1\r\nHost: berth\r\n\r\nGET /v1.51/_ping HTTP/1.1\r\nHost: berth\r\nConnection: close\r\n\r\n"u8.ToArray());
        string[] answers = (await AnswerAsync(socket)).Split("\r\n\r\n", 2);
        Assert.StartsWith("HTTP/1.1 404 ", answers[0], StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 ", answers[1], StringComparison.Ordinal);
    }

    private Task<Reply> LinkAsync(string name, string network, string link)
    {
        JsonObject request = EngineHttp.Request(["true"]);
        request["HostConfig"] = new JsonObject { ["NetworkMode"] = network, ["Links"] = new JsonArray(link) };
        return Api.PostAsync($"/containers/create?name={name}", request);
    }

    // An upload that has begun, and of which nothing more comes.
    private async Task<Socket> StallAsync(string id)
    {
        Socket socket = await Api.ConnectAsync();
        await socket.SendAsync(Encoding.ASCII.GetBytes($"PUT /v1.51/containers/{id}/archive?path=/ HTTP/1.1\r\nHost: berth\r\nContent-Length: 1000000\r\nContent-Type: application/x-tar\r\n\r\n"));
        await socket.SendAsync(new byte[1024]);
        await Task.Delay(300);
        return socket;
    }

    private static async Task<string> AnswerAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var answer = new StringBuilder();
        byte[] buffer = new byte[4096];
        for (int read; (read = await socket.ReceiveAsync(buffer, limit.Token)) > 0;)
        {
            answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
        }

        return answer.ToString();
    }

    private async Task<string> ExecAsync(string id, params string[] command)
    {
        var request = new JsonObject { ["Cmd"] = new JsonArray([.. command.Select(static word => (JsonNode)word)]), ["Tty"] = true, ["AttachStdout"] = true };
        return (string)(await Api.PostAsync($"/containers/{id}/exec", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // as above
    }

    private async Task RemoveAsync(string id) => (await Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
}
