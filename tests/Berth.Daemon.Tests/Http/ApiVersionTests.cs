using Berth.Daemon.Http;
using Berth.Daemon.Tests.Support;
using Berth.Model;

namespace Berth.Daemon.Tests.Http;

public sealed class ApiVersionTests
{
    [Theory]
    [InlineData("/v1.41/containers/json", "1.41", "/containers/json")]
    [InlineData("/v1.24/info", "1.24", "/info")]
    [InlineData("/v1.51", "1.51", "/")]
    [InlineData("/_ping", "1.51", "/_ping")]
    [InlineData("/version", "1.51", "/version")]
    [InlineData("/volumes/a.b", "1.51", "/volumes/a.b")]
    [InlineData("/v1/info", "1.51", "/v1/info")]
    [InlineData("/v1.-4/info", "1.51", "/v1.-4/info")]
    public void The_version_is_taken_off_the_path(string path, string version, string rest)
    {
        Assert.Equal(version, ApiVersion.Take(ref path).ToString());
        Assert.Equal(rest, path);
    }

    [Theory]
    [InlineData("/v1.52/info", "client version 1.52 is too new")]
    [InlineData("/v2.0/info", "client version 2.0 is too new")]
    [InlineData("/v1.23/info", "client version 1.23 is too old")]
    [InlineData("/v0.99/info", "client version 0.99 is too old")]
    public void What_is_not_served_is_refused(string path, string message) =>
        Refusal.Of(ErrorKind.InvalidArgument, message, () => ApiVersion.Take(ref path));
}
