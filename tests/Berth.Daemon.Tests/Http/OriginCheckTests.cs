using System.Net;
using Berth.Daemon.Http;
using Berth.Daemon.Tests.Support;
using Berth.Model;
using Microsoft.AspNetCore.Http;

namespace Berth.Daemon.Tests.Http;

public sealed class OriginCheckTests
{
    [Theory]
    [InlineData("http://127.0.0.1:2375", "127.0.0.1:2375")]
    [InlineData("http://[::1]:2375", "[::1]:2375")]
    [InlineData("http://LOCALHOST:2375", "localhost:2375")]
    [InlineData("https://10.0.0.1", "10.0.0.1")]
    [InlineData("", "engine.example:2375")]
    public void PagesOfTheSameAddressAndOtherClientsPass(string origin, string host) => OriginCheck.Check(Request(origin, host, isTcp: true));

    [Theory]
    [InlineData("http://evil.example", "127.0.0.1:2375")]
    [InlineData("http://127.0.0.1:80", "127.0.0.1:2375")]
    [InlineData("http://evil.example:2375", "evil.example:2375")] // its name, pointed to this machine
    [InlineData("http://localhost.evil.example", "localhost.evil.example")]
    [InlineData("null", "127.0.0.1:2375")]
    public void PagesOfOtherSitesAreRefusedOverTcp(string origin, string host)
    {
        Refusal.Of(ErrorKind.Forbidden, $"Origin {origin} is not accepted at {host}", () => OriginCheck.Check(Request(origin, host, isTcp: true)));
        OriginCheck.Check(Request(origin, host, isTcp: false));
    }

    private static DefaultHttpContext Request(string origin, string host, bool isTcp)
    {
        var context = new DefaultHttpContext();
        context.Request.Headers.Origin = origin;
        context.Request.Host = new HostString(host);
        context.Connection.RemoteIpAddress = isTcp ? IPAddress.Loopback : null;
        return context;
    }
}
