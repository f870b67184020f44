using System.Text.Json;
using Berth.Api;
using Berth.Model;

namespace Berth.Cli.Tests.Api;

public sealed class ApiJsonTests
{
    [Fact]
    public void Requests_are_read_as_Go_reads_them()
    {
        const string Body = """
            {"image":"img","CMD":"true","Entrypoint":["a","b"],"Tty":null,"WorkingDir":null,"Bogus":{"x":1},"Env":null,
            "HostConfig":{"memory":5,"OomKillDisable":null,"PidsLimit":null,"ShmSize":null,"Init":true,"RestartPolicy":null,"Odd":1}}
            """;
        ContainerCreateRequest request = JsonSerializer.Deserialize(Body, ApiJson.Context.ContainerCreateRequest)!;

        Assert.Equal("img", request.Image);
        Assert.Equal(["true"], request.Cmd);
        Assert.Equal(["a", "b"], request.Entrypoint);
        Assert.Equal((false, ""), (request.Tty, request.WorkingDir));
        Assert.Equal("Bogus", Assert.Single(request.Unknown!).Key);
        HostConfig host = request.HostConfig!;
        Assert.Equal((5L, null, null, 0L, true), (host.Memory, host.OomKillDisable, host.PidsLimit, host.ShmSize, host.Init));
        Assert.Equal("", host.RestartPolicy.Name);
        Assert.Equal("Odd", Assert.Single(host.Unknown!).Key);
    }

    [Fact]
    public void Null_empty_and_absent_are_kept_apart()
    {
        using JsonDocument document = JsonSerializer.SerializeToDocument(new ContainerInspect { HostConfig = new HostConfig { Dns = [] }, Config = new ContainerConfig() }, ApiJson.Context.ContainerInspect);
        JsonElement host = document.RootElement.GetProperty("HostConfig");
        Assert.Equal(JsonValueKind.Null, host.GetProperty("Binds").ValueKind);
        Assert.Equal(0, host.GetProperty("Dns").GetArrayLength());
        Assert.False(host.TryGetProperty("Tmpfs", out _));
        Assert.False(host.TryGetProperty("KernelMemory", out _));
        Assert.Equal(JsonValueKind.Null, document.RootElement.GetProperty("ExecIDs").ValueKind);
        Assert.Equal(0, document.RootElement.GetProperty("Mounts").GetArrayLength());
        Assert.False(document.RootElement.TryGetProperty("SizeRw", out _));
    }

    [Theory]
    [InlineData("""{"Tty":"yes"}""")]
    [InlineData("""{"Cmd":5}""")]
    [InlineData("""{"HostConfig":{"Memory":"64m"}}""")]
    [InlineData("""{"Image":""")]
    public void Wrong_types_are_errors(string body) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(body, ApiJson.Context.ContainerCreateRequest));

    [Fact]
    public void Text_is_not_escaped_for_HTML() =>
        Assert.Equal("""{"message":"<a> & 'é' +"}""", JsonSerializer.Serialize(new ErrorResponse { Message = "<a> & 'é' +" }, ApiJson.Context.ErrorResponse));

    [Fact]
    public void Every_kind_of_error_survives_the_wire()
    {
        foreach (ErrorKind kind in Enum.GetValues<ErrorKind>())
            Assert.Equal(kind, ErrorStatus.ToKind(ErrorStatus.FromKind(kind)));
    }

    [Theory]
    [InlineData("2026-11-21T02:23:01.394389011Z", "2026-11-21T02:23:01.394389Z")]
    [InlineData("2026-11-21T02:23:01Z", "2026-11-21T02:23:01Z")]
    [InlineData("2026-11-21T04:23:01.5+02:00", "2026-11-21T02:23:01.5Z")]
    [InlineData("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")]
    public void Times(string text, string again) => Assert.Equal(again, WireTime.Format(WireTime.Parse(text)));

    [Fact]
    public void Frame_headers()
    {
        byte[] header = new byte[8];
        StreamFraming.WriteHeader(header, StreamKind.Stderr, 0x01020304);
        Assert.Equal([2, 0, 0, 0, 1, 2, 3, 4], header);
        Assert.True(StreamFraming.TryReadHeader(header, out StreamKind kind, out uint length));
        Assert.Equal((StreamKind.Stderr, 0x01020304u), (kind, length));
        Assert.False(StreamFraming.TryReadHeader("plain te"u8, out _, out _));
    }
}
