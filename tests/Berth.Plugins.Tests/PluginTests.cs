using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Berth.Model;

namespace Berth.Plugins.Tests;

/// <summary>Plugins are found, activated and called; what they do wrong is told with their name.</summary>
public sealed class PluginTests : IDisposable
{
    private const string Activated = """{"Implements":["Test","NetworkDriver"]}""";
    private static readonly PluginCall<object?, Word> Say = new("Test.Say", null, PluginTestJson.Default.Word);

    private readonly string folder = Directory.CreateTempSubdirectory("bp-").FullName;
    private readonly List<IDisposable> owned = [];

    public void Dispose()
    {
        owned.ForEach(static one => one.Dispose());
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("sockets/one.sock")]
    [InlineData("sockets/one/one.sock")]
    public async Task A_socket_is_found(string path)
    {
        Start(path, """{"Value":"yes"}""");
        Assert.Equal("yes", await SayAsync("one"));
    }

    [Theory]
    [InlineData("etc/one.spec", "unix://{0}")]
    [InlineData("usr/one.spec", "unix://{0}\n")]
    [InlineData("usr/one/one.spec", "unix://{0}")]
    [InlineData("etc/one.json", """{{"Name":"one","Addr":"unix://{0}"}}""")]
    [InlineData("usr/one/one.json", """{{"addr":"unix://{0}"}}""")]
    public async Task A_file_says_where_the_plugin_is(string file, string text)
    {
        Start("elsewhere.sock", """{"Value":"yes"}""");
        Write(file, string.Format(System.Globalization.CultureInfo.InvariantCulture, text, Path.Combine(folder, "elsewhere.sock")));
        Assert.Equal("yes", await SayAsync("one"));
    }

    [Fact]
    public async Task A_plugin_may_listen_on_TCP()
    {
        TestPlugin plugin = Own(new TestPlugin(new IPEndPoint(IPAddress.Loopback, 0), Answer("""{"Value":"yes"}""")));
        Write("etc/one.spec", $"tcp://127.0.0.1:{((IPEndPoint)plugin.Address).Port}");
        Assert.Equal("yes", await SayAsync("one"));
    }

    [Fact]
    public async Task A_socket_goes_before_a_file()
    {
        Start("sockets/one.sock", """{"Value":"socket"}""");
        Write("etc/one.spec", "tcp://127.0.0.1:1");
        Assert.Equal("socket", await SayAsync("one"));
    }

    [Theory]
    [InlineData("nobody")]
    [InlineData("../sockets/one")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData("a/b")]
    public async Task A_name_of_nobody_is_not_found(string name)
    {
        Start("sockets/one.sock", "{}");
        PluginOptions impatient = Options with { ConnectTime = TimeSpan.FromMilliseconds(100) };
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => SayAsync(name, impatient));
        Assert.Equal(ErrorKind.NotFound, refusal.Kind);
        Assert.Equal($"plugin \"{name}\" not found", refusal.Message);
    }

    [Theory]
    [InlineData("one.spec", "ftp://x", "invalid address \"ftp://x\"")]
    [InlineData("one.spec", "", "invalid address")]
    [InlineData("one.spec", "unix://", "invalid address")]
    [InlineData("one.spec", "tcp://127.0.0.1", "invalid address")]
    [InlineData("one.json", "{", "one.json is not what tells of a plugin")]
    [InlineData("one.json", """{"Addr":1}""", "one.json is not what tells of a plugin")]
    [InlineData("one.json", """{"Addr":"https://127.0.0.1:1","TLSConfig":{"CAFile":"/nowhere/ca.pem"}}""", "its TLS cannot be set up")]
    public async Task A_file_that_makes_no_sense_is_told(string file, string text, string expected)
    {
        Write("etc/" + file, text);
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => SayAsync("one"));
        Assert.Equal(ErrorKind.InvalidArgument, refusal.Kind);
        Assert.StartsWith("plugin \"one\": ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"Err":"not today"}""", "Test.Say: not today")]
    [InlineData("""{"Error":"not today"}""", "Test.Say: not today")]
    [InlineData("""{"err":"not today","Value":"x"}""", "Test.Say: not today")]
    [InlineData("""500 {"Err":"not today"}""", "Test.Say: not today")]
    [InlineData("500 plain words", "Test.Say: plain words")]
    [InlineData("404 ", "Test.Say: it answered with the status 404")]
    [InlineData("302 ", "Test.Say: it answered with the status 302")]
    [InlineData("no JSON", "the answer is not what the protocol has")]
    [InlineData("", "the answer is not what the protocol has")]
    [InlineData("[]", "wanted an object, got Array")]
    [InlineData("null", "wanted an object, got Null")]
    [InlineData("""{"Value":{"deep":1}}""", "the answer is not what the protocol has")]
    [InlineData("""{"Value":"x" """, "the answer is not what the protocol has")]
    [InlineData("""{"Err":"\ud800"}""", "the answer is not what the protocol has")]
    [InlineData("""{"\ud800":1}""", "the answer is not what the protocol has")]
    [InlineData("""500 {"Err":"\ud800"}""", "Err")]
    public async Task What_is_wrong_with_an_answer_is_told(string answer, string expected)
    {
        Start("sockets/one.sock", answer);
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => SayAsync("one"));
        Assert.Equal(ErrorKind.Internal, refusal.Kind);
        Assert.StartsWith("plugin \"one\": Test.Say: ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_huge_answer_is_not_read()
    {
        Start("sockets/one.sock", $$"""{"Value":"{{new string('x', 1 << 21)}}"}""");
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => SayAsync("one"));
        Assert.Contains("has more than 1048576 bytes", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plugin_that_hangs_up_is_told()
    {
        Start("sockets/one.sock", null);
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => SayAsync("one"));
        Assert.Equal(ErrorKind.Unavailable, refusal.Kind);
        Assert.StartsWith("plugin \"one\": Test.Say: the connection to ", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slow_plugin_is_not_waited_for_longer_than_said()
    {
        using var done = new ManualResetEventSlim();
        Own(TestPlugin.AtSocket(Place("sockets/one.sock"), (method, _) =>
        {
            if (method == Say.Method)
            {
                done.Wait();
            }

            return Activated;
        }));
        var watch = Stopwatch.StartNew();
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => SayAsync("one", Options with { AnswerTime = TimeSpan.FromSeconds(0.5) }));
        done.Set();
        Assert.Equal((ErrorKind.Unavailable, "plugin \"one\": Test.Say: no answer within 0.5 s"), (refusal.Kind, refusal.Message));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.4, 5);
    }

    [Fact]
    public async Task A_silent_plugin_holds_up_no_end()
    {
        using var done = new ManualResetEventSlim();
        Own(TestPlugin.AtSocket(Place("sockets/one.sock"), (_, _) =>
        {
            done.Wait();
            return Activated;
        }));
        using var registry = new PluginRegistry(Options with { EndAnswerTime = TimeSpan.FromSeconds(0.5) });
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => registry.GetAsync("one", "Test", PluginPatience.None, CancellationToken.None));
        done.Set();
        Assert.Equal((ErrorKind.Unavailable, "plugin \"one\": Plugin.Activate: no answer within 0.5 s"), (refusal.Kind, refusal.Message));
    }

    [Fact]
    public async Task A_plugin_may_listen_on_IPv6()
    {
        TestPlugin plugin = Own(new TestPlugin(new IPEndPoint(IPAddress.IPv6Loopback, 0), Answer("""{"Value":"yes"}""")));
        Write("etc/one.spec", $"tcp://[::1]:{((IPEndPoint)plugin.Address).Port}");
        Assert.Equal("yes", await SayAsync("one"));
    }

    [Theory]
    [InlineData("CertFile", "CertFile and no KeyFile")]
    [InlineData("KeyFile", "KeyFile and no CertFile")]
    public async Task Half_a_certificate_is_refused(string member, string expected)
    {
        Write("etc/one.json", $$$"""{"Addr":"https://127.0.0.1:1","TLSConfig":{"{{{member}}}":"/nowhere.pem"}}""");
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => SayAsync("one"));
        Assert.Equal(ErrorKind.InvalidArgument, refusal.Kind);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plugin_that_is_about_to_start_is_waited_for()
    {
        string path = Place("sockets/one.sock");
        TestPlugin.AtSocket(path, Answer("")).Dispose(); // its file stays
        Task<string> said = SayAsync("one");
        await Task.Delay(400);
        Assert.False(said.IsCompleted);
        Own(TestPlugin.AtSocket(path, Answer("""{"Value":"yes"}""")));
        Assert.Equal("yes", await said);
    }

    [Fact]
    public async Task A_plugin_that_is_gone_is_not_waited_for_at_an_end()
    {
        TestPlugin.AtSocket(Place("sockets/one.sock"), Answer("")).Dispose();
        using var registry = new PluginRegistry(Options);
        var watch = Stopwatch.StartNew();
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => registry.GetAsync("one", "Test", PluginPatience.None, CancellationToken.None));
        Assert.Equal(ErrorKind.Unavailable, refusal.Kind);
        Assert.Contains("Plugin.Activate: it cannot be reached at ", refusal.Message, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 2);
    }

    [Fact]
    public async Task A_plugin_that_was_started_again_elsewhere_is_followed()
    {
        string path = Place("sockets/one.sock");
        TestPlugin first = TestPlugin.AtSocket(path, Answer("""{"Value":"first"}"""));
        using var registry = new PluginRegistry(Options);
        Plugin plugin = await registry.GetAsync("one", "Test", PluginPatience.Full, CancellationToken.None);
        Assert.Equal("first", (await plugin.CallAsync(Say, null, PluginPatience.Full, CancellationToken.None)).Value);
        first.Dispose();
        File.Delete(path);
        Start("sockets/one/one.sock", """{"Value":"second"}""");
        Assert.Equal("second", (await plugin.CallAsync(Say, null, PluginPatience.Full, CancellationToken.None)).Value);
    }

    [Fact]
    public async Task Activation_happens_once_and_tells_the_kinds()
    {
        TestPlugin plugin = Start("sockets/one.sock", """{"Value":"yes"}""");
        using var registry = new PluginRegistry(Options);
        Assert.Empty(registry.Activated("Test"));
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => registry.GetAsync("one", "Test", PluginPatience.Full, CancellationToken.None)));
        Assert.Equal(["Plugin.Activate"], plugin.Calls.Select(static call => call.Method));
        Assert.Equal(["one"], registry.Activated("Test"));
        Assert.Empty(registry.Activated("VolumeDriver"));
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => registry.GetAsync("one", "VolumeDriver", PluginPatience.Full, CancellationToken.None));
        Assert.Equal((ErrorKind.InvalidArgument, "plugin \"one\" does not implement VolumeDriver; it implements Test, NetworkDriver"), (refusal.Kind, refusal.Message));
    }

    [Fact]
    public async Task TLS_asks_for_the_right_authority_and_shows_the_own_certificate()
    {
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var authorityRequest = new CertificateRequest("CN=authority", authorityKey, HashAlgorithmName.SHA256);
        authorityRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 authority = authorityRequest.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        (X509Certificate2 server, _) = Issue("server", authority);
        (X509Certificate2 client, string clientKey) = Issue("client", authority);
        string? seen = null;
        var tls = new SslServerAuthenticationOptions
        {
            ServerCertificate = server,
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, shown, _, _) => (seen = shown?.Subject) is not null,
        };
        TestPlugin plugin = Own(new TestPlugin(new IPEndPoint(IPAddress.Loopback, 0), Answer("""{"Value":"yes"}"""), tls));
        int port = ((IPEndPoint)plugin.Address).Port;
        Write("ca.pem", authority.ExportCertificatePem());
        Write("cert.pem", client.ExportCertificatePem());
        Write("key.pem", clientKey);
        string own = $"\"CertFile\":\"{folder}/cert.pem\",\"KeyFile\":\"{folder}/key.pem\"";
        Write("etc/right.json", $$$"""{"Addr":"https://127.0.0.1:{{{port}}}","TLSConfig":{"CAFile":"{{{folder}}}/ca.pem",{{{own}}}}}""");
        Write("etc/any.json", $$$"""{"Addr":"https://127.0.0.1:{{{port}}}","TLSConfig":{"InsecureSkipVerify":true,{{{own}}}}}""");
        Write("etc/unknown.json", $$$"""{"Addr":"https://127.0.0.1:{{{port}}}","TLSConfig":{ {{{own}}} }}""");
        Assert.Equal("yes", await SayAsync("right"));
        Assert.Equal("CN=client", seen);
        Assert.Equal("yes", await SayAsync("any"));
        EngineException refusal = await Assert.ThrowsAsync<EngineException>(() => SayAsync("unknown"));
        Assert.Equal(ErrorKind.Unavailable, refusal.Kind);
    }

    private static (X509Certificate2 Certificate, string Key) Issue(string name, X509Certificate2 authority)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 issued = request.Create(authority, DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        using X509Certificate2 withKey = issued.CopyWithPrivateKey(key);
        return (X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), null), key.ExportPkcs8PrivateKeyPem());
    }

    private PluginOptions Options => new()
    {
        SocketFolder = Path.Combine(folder, "sockets"),
        SpecFolders = [Path.Combine(folder, "etc"), Path.Combine(folder, "usr")],
    };

    private async Task<string> SayAsync(string name, PluginOptions? options = null)
    {
        using var registry = new PluginRegistry(options ?? Options);
        Plugin plugin = await registry.GetAsync(name, "Test", PluginPatience.Full, CancellationToken.None);
        return (await plugin.CallAsync(Say, null, PluginPatience.Full, CancellationToken.None)).Value;
    }

    private static Func<string, JsonNode?, string?> Answer(string? text) => (method, _) => method == "Plugin.Activate" ? Activated : text;

    private TestPlugin Start(string path, string? answer) => Own(TestPlugin.AtSocket(Place(path), Answer(answer)));

    private TestPlugin Own(TestPlugin plugin)
    {
        owned.Add(plugin);
        return plugin;
    }

    private void Write(string path, string text) => File.WriteAllText(Place(path), text);

    private string Place(string path)
    {
        string full = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        return full;
    }
}

internal sealed record Word
{
    public string Value { get; init; } = "";
}

[JsonSerializable(typeof(Word))]
internal sealed partial class PluginTestJson : JsonSerializerContext;
