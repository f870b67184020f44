using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary><c>--use-api-socket</c>, with both clients.</summary>
public sealed class ApiSocketTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    private const string Config = """{"auths":{"reg.example.com":{"auth":"dTpw"},"a.example.com":{"username":"me","password":"pass"} },"HttpHeaders":{"X":"secret"} }""";
    private const string Copied = "{\n\t\"auths\": {\n\t\t\"a.example.com\": {\n\t\t\t\"auth\": \"bWU6cGFzcw==\"\n\t\t},\n\t\t\"reg.example.com\": {\n\t\t\t\"auth\": \"dTpw\"\n\t\t}\n\t}\n}";

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AContainerReachesTheEngineAndHasTheCredentials(string client)
    {
        string[] config = Configure(client, Config);
        CommandResult result = await fixture.Client(client).RunAsync(
            [.. config, "run", "--rm", "--network", "none", "--use-api-socket", "busybox", "sh", "-c", "test -S /var/run/docker.sock && stat -c %a $DOCKER_CONFIG/config.json && cat $DOCKER_CONFIG/config.json"], stdin: null);
        Assert.Equal("600\n" + Copied, result.Expect().Output);

        string id = (await fixture.Client(client).RunAsync([.. config, "create", "--network", "none", "--use-api-socket", "-e", "DOCKER_CONFIG=/own", "busybox", "ls", "/run/secrets"], stdin: null)).Expect().Line;
        Assert.Contains("No such file", (await fixture.Client(client).RunAsync("start", "-a", id)).Expect(1).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutCredentialsThereIsTheSocketAlone()
    {
        CommandResult result = await fixture.Berth.RunAsync("run", "--rm", "--network", "none", "--use-api-socket", "busybox", "sh", "-c", "test -S /var/run/docker.sock && echo ${DOCKER_CONFIG-none}; ls /run/secrets 2>/dev/null | wc -l");
        Assert.Equal("none\n0\n", result.Expect().Output);
    }

    [Fact]
    public async Task AKeeperOfCredentialsThatIsMissingIsNamed()
    {
        CommandResult result = await fixture.Berth.RunAsync([.. Configure(Clients.Berth, """{"credsStore":"nosuchkeeper"}"""), "create", "--network", "none", "--use-api-socket", "busybox"], stdin: null);
        Assert.Contains("resolving credentials failed: ", result.Expect(125).Error, StringComparison.Ordinal);
        Assert.Contains("docker-credential-nosuchkeeper", result.Error, StringComparison.Ordinal);
    }

    private string[] Configure(string client, string config)
    {
        string folder = Directory.CreateDirectory(Path.Combine(fixture.Daemon.Home, "config-" + client)).FullName;
        File.WriteAllText(Path.Combine(folder, "config.json"), config);
        return ["--config", folder];
    }
}
