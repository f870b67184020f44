using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>Attaching through a WebSocket.</summary>
public sealed class WebSocketTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const string All = "stream=1&stdin=1&stdout=1&stderr=1";

    private EngineHttp Api => fixture.Api;

    [Fact]
    public async Task Output_of_both_streams_comes_without_frames_and_input_goes_in_until_the_process_ends()
    {
        string id = await CreateAsync("echo out; echo err >&2; read line; echo got $line", stdinOnce: true);
        await using WebSocketSession client = await AttachAsync(id, All);
        Assert.Contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", client.Head, StringComparison.Ordinal); // RFC 6455, section 1.3, for this key
        await StartAsync(id);
        string first = await client.ReadUntilAsync("err\n") + (await PeekAsync(client));
        await client.SendAsync("some ");
        await client.SendAsync(WebSocketSession.Text, "words\n"u8.ToArray());
        string all = first + await client.ReadUntilAsync();
        Assert.Equal("err\ngot some words\nout\n", string.Join('\n', all.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)) + "\n");
        await RemoveAsync(id);
    }

    [Fact]
    public async Task A_long_output_arrives_whole()
    {
        string id = await CreateAsync("i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done");
        await using WebSocketSession client = await AttachAsync(id, All);
        await StartAsync(id);
        string[] lines = (await client.ReadUntilAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(Enumerable.Range(0, 20000).Select(static i => $"line {i}"), lines);
        await RemoveAsync(id);
    }

    [Fact]
    public async Task What_was_written_before_comes_with_logs_and_old_clients_get_text()
    {
        string id = await CreateAsync("echo early; sleep 1000");
        await StartAsync(id);
        await Poll.UntilAsync(async () => (await Api.GetAsync($"/containers/{id}/logs?stdout=1")).Text.Contains("early", StringComparison.Ordinal), "a line in the log");
        await using (WebSocketSession client = await AttachAsync(id, "logs=1&stream=0&stdout=1"))
        {
            Assert.Equal("early\n", await client.ReadUntilAsync());
        }

        await using WebSocketSession old = await WebSocketSession.OpenAsync(Api, $"/v1.27/containers/{id}/attach/ws?logs=1");
        Assert.Equal("early\n", await old.ReadUntilAsync(kind: WebSocketSession.Text));
        await RemoveAsync(id);
    }

    [Fact]
    public async Task A_client_pings_detaches_and_goes_while_the_container_runs_on()
    {
        string id = await CreateAsync("while read line; do echo [$line]; done; sleep 1000", tty: true);
        await StartAsync(id);
        await using (WebSocketSession client = await AttachAsync(id, All))
        {
            await client.SendAsync(WebSocketSession.Ping, "are you there"u8.ToArray());
            (int opcode, byte[] payload) = await client.ReceiveAsync();
            Assert.Equal((WebSocketSession.Pong, "are you there"), (opcode, Encoding.UTF8.GetString(payload)));
            await client.SendAsync("one\n");
            await client.ReadUntilAsync("[one]");
            await client.SendAsync(WebSocketSession.Binary, [16]);
            await client.SendAsync(WebSocketSession.Binary, [17]);
            await client.ReadUntilAsync();
        }

        await using (WebSocketSession client = await AttachAsync(id, All + "&detachKeys=x"))
        {
            await client.SendAsync(WebSocketSession.Close, []);
            Assert.Equal(WebSocketSession.Close, (await client.ReceiveAsync()).Opcode);
        }

        Assert.Equal("running", (string?)(await Api.GetAsync($"/containers/{id}/json")).Json["State"]!["Status"]);
        await RemoveAsync(id);
    }

    [Theory]
    [InlineData("stream=1&stdout=1", false)]
    [InlineData(All, true)]
    public async Task A_goodbye_is_answered_whatever_is_attached(string query, bool stdinOnce)
    {
        string id = await CreateAsync("cat; sleep 1000", stdinOnce: stdinOnce);
        await StartAsync(id);
        await using WebSocketSession client = await AttachAsync(id, query);
        await client.SendAsync(WebSocketSession.Close, []);
        Assert.Equal(WebSocketSession.Close, (await client.ReceiveAsync()).Opcode);
        await RemoveAsync(id);
    }

    [Fact]
    public async Task What_is_no_websocket_or_no_container_is_refused_before_it_begins()
    {
        string id = await CreateAsync("true");
        Assert.Contains("does not ask for a WebSocket", (await Api.GetAsync($"/containers/{id}/attach/ws?{All}")).Expect(HttpStatusCode.BadRequest).Message, StringComparison.Ordinal);
        foreach (string headers in (string[])["Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n"])
        {
            await using WebSocketSession refused = await WebSocketSession.OpenAsync(Api, $"/containers/{id}/attach/ws?{All}", "Upgrade: websocket\r\nConnection: Upgrade\r\n" + headers);
            Assert.StartsWith("HTTP/1.1 400 ", refused.Head, StringComparison.Ordinal);
            Assert.Equal(headers.Contains("Version: 8", StringComparison.Ordinal), refused.Head.Contains("Sec-WebSocket-Version: 13", StringComparison.Ordinal));
        }

        await using WebSocketSession missing = await WebSocketSession.OpenAsync(Api, $"/containers/nobody/attach/ws?{All}");
        Assert.StartsWith("HTTP/1.1 404 ", missing.Head, StringComparison.Ordinal);
        await RemoveAsync(id);
    }

    // The other stream's line may have come before or may still come.
    private static async Task<string> PeekAsync(WebSocketSession client)
    {
        await client.SendAsync(WebSocketSession.Ping, []);
        var text = new StringBuilder();
        while (true)
        {
            (int opcode, byte[] payload) = await client.ReceiveAsync();
            if (opcode == WebSocketSession.Pong)
            {
                return text.ToString();
            }

            text.Append(Encoding.UTF8.GetString(payload));
        }
    }

    private async Task<WebSocketSession> AttachAsync(string id, string query)
    {
        WebSocketSession client = await WebSocketSession.OpenAsync(Api, $"/v1.51/containers/{id}/attach/ws?{query}");
        Assert.True(client.IsOpen, client.Head);
        return client;
    }

    private async Task<string> CreateAsync(string script, bool tty = false, bool stdinOnce = false)
    {
        JsonObject request = EngineHttp.Request(["sh", "-c", script], tty);
        request["OpenStdin"] = true;
        request["StdinOnce"] = stdinOnce;
        return (string)(await Api.PostAsync($"/containers/create?name={fixture.NewName()}", request)).Expect(HttpStatusCode.Created).Json["Id"]!; // a created answer has an id
    }

    private async Task StartAsync(string id) => (await Api.PostAsync($"/containers/{id}/start")).Expect(HttpStatusCode.NoContent);

    private async Task RemoveAsync(string id) => (await Api.DeleteAsync($"/containers/{id}?force=1")).Expect(HttpStatusCode.NoContent);
}
