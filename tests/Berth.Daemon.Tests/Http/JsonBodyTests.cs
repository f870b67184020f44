using System.Text;
using Berth.Daemon.Http;
using Berth.Daemon.Tests.Support;
using Berth.Model;
using Microsoft.AspNetCore.Http;

namespace Berth.Daemon.Tests.Http;

public sealed class JsonBodyTests
{
    [Theory]
    [InlineData(null, "{}", "malformed Content-Type header (): mime: no media type")]
    [InlineData("", "null", "malformed Content-Type header (): mime: no media type")]
    [InlineData("text/plain", "{}", "unsupported Content-Type header (text/plain): must be 'application/json'")]
    public async Task ABodyMustSayThatItIsJson(string? type, string body, string message)
    {
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => JsonBody.TryReadElementAsync(Request(type, body)));
        Assert.Equal((ErrorKind.InvalidArgument, message), (refusal.Kind, refusal.Message));
        if (body != "null")
        {
            await Assert.ThrowsAsync<EngineException>(() => JsonBody.ReadElementAsync(Request(type, body)));
        }
    }

    [Theory]
    [InlineData(null, "")]
    [InlineData("text/plain", "")]
    [InlineData("application/json", "null")]
    public async Task WithoutABodyNoTypeIsNeeded(string? type, string body) => Assert.Null(await JsonBody.TryReadElementAsync(Request(type, body)));

    [Fact]
    public async Task ParametersOfTheTypeDoNotMatter() =>
        Assert.Equal("1", (await JsonBody.ReadElementAsync(Request("Application/JSON; charset=utf-8", "{\"a\":1}"))).GetProperty("a").GetRawText());

    [Fact]
    public async Task MoreThanTheFirstBufferIsRead()
    {
        string text = new('x', 1 << 20);
        Assert.Equal(text, (await JsonBody.ReadElementAsync(Request("application/json", $"{{\"a\":\"{text}\"}}"))).GetProperty("a").GetString());
    }

    [Fact]
    public async Task ALengthOverTheLimitIsRefusedUnread()
    {
        HttpContext context = Request("application/json", "{}");
        context.Request.ContentLength = (4 << 20) + 1;
        Assert.Equal(ErrorKind.TooLarge, (await Assert.ThrowsAsync<EngineException>(() => JsonBody.ReadElementAsync(context))).Kind);
    }

    private static DefaultHttpContext Request(string? type, string body)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        var context = new DefaultHttpContext();
        context.Request.Body = new MemoryStream(bytes);
        context.Request.ContentLength = bytes.Length;
        context.Request.ContentType = type;
        return context;
    }
}
