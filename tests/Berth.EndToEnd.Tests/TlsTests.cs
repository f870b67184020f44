using System.Globalization;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary><c>berth</c> with a daemon on TCP behind TLS, beside the stock CLI where there is one.</summary>
public sealed class TlsTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>, IAsyncLifetime
{
    private TlsProxy? proxy;

    private TlsProxy Proxy => proxy ?? throw new InvalidOperationException("no proxy was started");

    private string Host => "tcp://127.0.0.1:" + Proxy.Port.ToString(CultureInfo.InvariantCulture);

    public Task InitializeAsync()
    {
        proxy = new TlsProxy(fixture.Daemon.SocketPath);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await Proxy.DisposeAsync();

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Requests_and_streams_go_through_with_flags(string client)
    {
        string[] flags = ["-H", Host, "--tlsverify", "--tlscacert", File("ca.pem"), "--tlscert", File("cert.pem"), "--tlskey", File("key.pem")];
        Assert.NotEmpty((await RunAsync(client, [.. flags, "version", "-f", "{{.Server.Version}}"])).Expect().Line);
        byte[] input = new byte[300_000];
        Array.Fill(input, (byte)'x');
        CommandResult echoed = (await RunAsync(client, [.. flags, "run", "--rm", "-i", "--network", "none", "busybox", "sh", "-c", "cat; echo end >&2; exit 7"], input)).Expect(7);
        Assert.Equal((input.Length, "end\n"), (echoed.OutputBytes.Length, echoed.Error));
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task The_environment_says_it_too(string client) =>
        (await RunAsync(client, ["info", "-f", "{{.OSType}}"], null, ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", Proxy.Folder), ("DOCKER_HOST", Host), ("BERTH_HOST", Host))).Expect();

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Without_verification_anybody_is_believed(string client)
    {
        string[] flags = ["-H", Host, "--tlscert", File("cert.pem"), "--tlskey", File("key.pem"), "--tlscacert", File("other.pem")];
        (await RunAsync(client, [.. flags, "--tls", "ps"])).Expect();
        CommandResult refused = (await RunAsync(client, [.. flags, "--tlsverify", "ps"])).Expect(1);
        Assert.True(refused.Error.Contains("not trusted", StringComparison.Ordinal) || client == Clients.Docker, refused.Error);
    }

    /// <summary>Both sides trust the root alone; what leads there comes along with the certificate.</summary>
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_chain_is_followed_to_the_root(string client)
    {
        await using var chained = new TlsProxy(fixture.Daemon.SocketPath, hasIntermediate: true);
        string[] flags = ["-H", "tcp://127.0.0.1:" + chained.Port.ToString(CultureInfo.InvariantCulture), "--tlsverify", "--tlskey", Path.Combine(chained.Folder, "key.pem")];
        string[] trusting = [.. flags, "--tlscacert", Path.Combine(chained.Folder, "ca.pem")];
        (await RunAsync(client, [.. trusting, "--tlscert", Path.Combine(chained.Folder, "cert.pem"), "ps"])).Expect();

        // A client that leaves the middle out, and one that trusts another root.
        (await RunAsync(client, [.. trusting, "--tlscert", Path.Combine(chained.Folder, "leaf.pem"), "ps"])).Expect(1);
        (await RunAsync(client, [.. flags, "--tlscacert", Path.Combine(chained.Folder, "other.pem"), "--tlscert", Path.Combine(chained.Folder, "cert.pem"), "ps"])).Expect(1);
    }

    /// <summary>A daemon that shows its own certificate alone is not trusted by those who know the root alone.</summary>
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_chain_with_a_gap_is_not_trusted(string client)
    {
        await using var chained = new TlsProxy(fixture.Daemon.SocketPath, hasIntermediate: true, showsIntermediate: false);
        string[] flags = ["-H", "tcp://127.0.0.1:" + chained.Port.ToString(CultureInfo.InvariantCulture), "--tlsverify"];
        string[] own = ["--tlscert", Path.Combine(chained.Folder, "cert.pem"), "--tlskey", Path.Combine(chained.Folder, "key.pem")];
        (await RunAsync(client, [.. flags, .. own, "--tlscacert", Path.Combine(chained.Folder, "ca.pem"), "ps"])).Expect(1);
        string both = Path.Combine(chained.Folder, "both.pem");
        (await RunAsync(client, [.. flags, .. own, "--tlscacert", both, "ps"])).Expect();
    }

    [Fact]
    public async Task What_is_missing_or_wrong_is_named()
    {
        Assert.Contains(
            "could not read CA certificate \"/nonexistent\": no such file or directory",
            (await RunAsync(Clients.Berth, ["-H", Host, "--tlsverify", "--tlscacert", "/nonexistent", "ps"])).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains(
            "not in PEM form",
            (await RunAsync(Clients.Berth, ["-H", Host, "--tls", "--tlscert", File("key.pem"), "--tlskey", File("key.pem"), "ps"])).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains(
            Host, // the daemon may refuse a client without a certificate in the handshake or after it
            (await RunAsync(Clients.Berth, ["-H", Host, "--tlsverify", "--tlscacert", File("ca.pem"), "ps"])).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains(
            "its certificate is not for localhost",
            (await RunAsync(Clients.Berth, ["-H", Host.Replace("127.0.0.1", "localhost", StringComparison.Ordinal), "--tlsverify", "--tlscacert", File("ca.pem"), "ps"])).Expect(1).Error,
            StringComparison.Ordinal);
    }

    private string File(string name) => Path.Combine(Proxy.Folder, name);

    private async Task<CommandResult> RunAsync(string client, string[] arguments, byte[]? input = null, params (string Name, string Value)[] environment)
    {
        Cli cli = fixture.Client(client);
        var info = cli.Describe(cli.Program, arguments);
        foreach (string name in (string[])["DOCKER_HOST", "BERTH_HOST"])
        {
            info.Environment.Remove(name); // -H says where
        }

        foreach ((string name, string value) in environment)
        {
            info.Environment[name] = value;
        }

        await using var session = new CliSession(info);
        if (input is not null)
        {
            await session.WriteAsync(input);
        }

        session.CloseInput();
        return await session.WaitAsync();
    }
}
