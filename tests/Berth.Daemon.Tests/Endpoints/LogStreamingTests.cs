using Berth.Daemon.Endpoints;

namespace Berth.Daemon.Tests.Endpoints;

public sealed class LogStreamingTests
{
    [Theory]
    [InlineData("a b+c", "a+b%2Bc")]
    [InlineData("-_.~", "-_.~")]
    [InlineData("!*()'/=,&%", "%21%2A%28%29%27%2F%3D%2C%26%25")]
    [InlineData("é", "%C3%A9")]
    public void DetailsAreEscapedAsQueriesAre(string text, string escaped) => Assert.Equal(escaped, LogStreaming.Escape(text));
}
