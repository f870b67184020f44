using Berth.Model;
using Berth.Registry.Transport;
using Berth.Tests.Registries;

namespace Berth.Registry.Tests;

public sealed class MirrorTests(PlainRegistry registry) : IClassFixture<PlainRegistry>
{
    private static readonly RegistryCredential Ada = new() { Username = "ada", Password = "secret" };

    [Fact]
    public async Task UnderAPrefixBeforeTheRegistryItself()
    {
        using var origin = new FaultProxy(registry.Address);
        using var mirror = new FaultProxy(registry.Address);
        using RegistryClient client = Client(origin, new Uri($"http://{mirror.Address}/quay/"));
        (byte[] manifest, byte[] layer) = await client.Open(registry.Address, "quay/a/b").PushImageAsync("x");
        await client.Open(registry.Address, "only/here").PushImageAsync("y");
        Assert.Equal(manifest, (await client.Open(origin.Address).GetManifestAsync("x", default)).Content);
        Assert.Equal(layer, await client.Open(origin.Address).PullAsync(Sample.Describe(layer)));
        Assert.NotNull(await client.Open(origin.Address).FindManifestAsync("x", default));
        Assert.Empty(origin.Requests);
        Assert.NotNull(await client.Open(origin.Address, "only/here").FindManifestAsync("y", default));
        await client.Open(origin.Address, "only/here").GetManifestAsync("y", default);
        Assert.Contains(origin.Requests, static request => request.IsManifest);
        mirror.Forget();
        await client.Open(origin.Address, "pushed").PushImageAsync("z");
        Assert.Empty(mirror.Requests);
    }

    [Fact]
    public async Task OneThatIsGoneOrWrong()
    {
        using var origin = new FaultProxy(registry.Address);
        using var mirror = new FaultProxy(registry.Address);
        using RegistryClient client = Client(origin, new Uri("http://127.0.0.1:1"), new Uri($"http://{mirror.Address}"));
        (byte[] manifest, byte[] layer) = await client.Open(registry.Address).PushImageAsync("x");
        mirror.When(static _ => true, Fault.Answer(500));
        RegistryRepository repository = client.Open(origin.Address);
        Assert.Equal(manifest, (await repository.GetManifestAsync("x", default)).Content);
        Assert.Equal(layer, await repository.PullAsync(Sample.Describe(layer)));
        mirror.Forget();
        mirror.When(static request => request.IsManifest, Fault.Answer(200, "{}"));
        Assert.Equal(manifest, (await client.Open(origin.Address).GetManifestAsync(Digest.Of(manifest).ToString(), default)).Content);
        EngineException e = await Sample.FailsAsync(ErrorKind.NotFound, () => client.Open(origin.Address).GetManifestAsync("gone", default));
        Assert.Contains("manifest unknown", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CredentialsOfEachTheirOwn()
    {
        using var origin = new FaultProxy(registry.Address);
        using var mirror = new FaultProxy();
        mirror.When(static request => request.Header("Authorization") is null, Fault.Answer(401, "", "WWW-Authenticate: Basic realm=x"));
        mirror.When(static _ => true, Fault.Answer(404));
        var own = new RegistryCredential { Username = "mirror", Password = "other" };
        using var client = new RegistryClient(Sample.Quick with { Rules = [new RegistryRule("*", [new RegistryMirror(new Uri($"http://{mirror.Address}"), own)])] });
        using RegistryClient without = Client(origin, new Uri($"http://{mirror.Address}"));
        await without.Open(registry.Address).PushImageAsync("x");
        await client.Open(origin.Address, credential: Ada).GetManifestAsync("x", default);
        await without.Open(origin.Address, "a/b", Ada).GetManifestAsync("x", default);
        string shown = "Basic " + Convert.ToBase64String("mirror:other"u8);
        Assert.All(mirror.Requests, request => Assert.True(request.Header("Authorization") is null || request.Header("Authorization") == shown));
        Assert.Contains(mirror.Requests, request => request.Header("Authorization") == shown);
        Assert.All(origin.Requests, static request => Assert.Null(request.Header("Authorization"))); // never asked for
    }

    [Fact]
    public async Task WithoutFallingBack()
    {
        using var origin = new FaultProxy(registry.Address);
        using var client = new RegistryClient(Sample.Quick with { Rules = [new RegistryRule(origin.Address, [new RegistryMirror(new Uri("http://127.0.0.1:1"), RegistryCredential.None)], FallsBack: false)] });
        await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(origin.Address).GetManifestAsync("x", default));
        Assert.Empty(origin.Requests);

        // Who said no is told, as nobody would look for it there.
        using var mirror = new FaultProxy(registry.Address);
        using var other = new RegistryClient(Sample.Quick with { Rules = [new RegistryRule(origin.Address, [new RegistryMirror(new Uri($"http://{mirror.Address}"), RegistryCredential.None)], FallsBack: false)] });
        EngineException e = await Sample.FailsAsync(ErrorKind.NotFound, () => other.Open(origin.Address, "not/there").GetManifestAsync("x", default));
        Assert.EndsWith($" (said by its mirror {mirror.Address})", e.Message, StringComparison.Ordinal);
        Assert.Empty(origin.Requests);
    }

    [Fact]
    public async Task Search()
    {
        using var index = new FaultProxy();
        using var client = new RegistryClient(Sample.Quick);
        index.When(
            static request => request.Target == "/v1/search?q=red%20is&n=2",
            Fault.Answer(200, """{"num_results":3,"results":[{"name":"redis","description":"a store","star_count":7,"is_official":true},{"name":"b"},{"name":"c"}]}"""));
        IReadOnlyList<SearchHit> hits = await client.SearchAsync($"{index.Address}/red is", 2, RegistryCredential.None, default);
        Assert.Equal([new SearchHit { Name = "redis", Description = "a store", StarCount = 7, IsOfficial = true }, new SearchHit { Name = "b" }], hits);
        await Sample.FailsAsync(ErrorKind.NotFound, () => client.SearchAsync($"{registry.Address}/x", 2, RegistryCredential.None, default));
        await Sample.FailsAsync(ErrorKind.InvalidArgument, () => client.SearchAsync("x", 101, RegistryCredential.None, default));
    }

    [Fact]
    public async Task ThroughAProxy()
    {
        using var proxy = new FaultProxy();
        proxy.When(static request => request.Target == "http://registry.test/v2/", Fault.Answer(200));
        proxy.When(static request => request.Target == $"http://registry.test/v2/a/b/blobs/{Digest.Of([])}", Fault.Answer(200));
        using var client = new RegistryClient(Sample.Quick with
        {
            InsecureRegistries = ["registry.test"],
            Proxy = new RegistryProxy(new Uri($"http://user:word@{proxy.Address}"), new Uri($"http://{proxy.Address}"), []),
        });
        Assert.True(await client.Open("registry.test").HasBlobAsync(Digest.Of([]), default));
        Assert.Contains(proxy.Requests, static request => request is { Method: "CONNECT", Target: "registry.test:443" });
    }

    [Theory]
    [InlineData("https://quay.io/", "http://secure/")]
    [InlineData("http://quay.io/", "http://plain/")]
    [InlineData("https://a.internal/", null)]
    [InlineData("https://internal/", null)]
    [InlineData("https://xinternal/", "http://secure/")]
    [InlineData("https://b.only.sub/", null)]
    [InlineData("https://only.sub/", "http://secure/")]
    [InlineData("https://10.1.2.3/", null)]
    [InlineData("https://port.test:444/", null)]
    [InlineData("https://port.test/", "http://secure/")]
    [InlineData("https://127.0.0.1/", null)]
    [InlineData("http://localhost:5000/", null)]
    public void ProxiesOfTheEnvironment(string asked, string? wanted)
    {
        RegistryProxy named = RegistryProxies.FromEnvironment(static name => name switch
        {
            "http_proxy" => "plain",
            "HTTPS_PROXY" => "http://secure",
            "no_proxy" => "internal, .only.sub,10.0.0.0/8,port.test:444",
            _ => null,
        });
        Assert.Equal(wanted, new RegistryProxies(named).GetProxy(new Uri(asked))?.ToString());
    }

    [Fact]
    public async Task InsecureHosts()
    {
        var rules = new HostRules(new RegistryOptions { InsecureRegistries = ["host", "other:5000", "10.0.0.0/8", "fd00::/8"] });
        string[] insecure = ["https://host", "https://host:7", "https://other:5000", "https://10.9.9.9", "https://[fd00::1]:5", "https://127.0.0.9", "https://[::1]", "https://localhost:5"];
        string[] secure = ["https://other", "https://11.0.0.1", "https://host.example.invalid"];
        foreach (string host in insecure.Concat(secure))
        {
            Assert.True(insecure.Contains(host) == await rules.IsInsecureAsync(new Uri(host), default), host);
        }

        Assert.Throws<EngineException>(static () => new RegistryClient(new RegistryOptions { InsecureRegistries = ["http://host"] }));
        Assert.Throws<EngineException>(static () => new RegistryClient(new RegistryOptions { Rules = [new RegistryRule("*", [new RegistryMirror(new Uri("https://u:p@host"), RegistryCredential.None)])] }));
    }

    private static RegistryClient Client(FaultProxy origin, params Uri[] mirrors) =>
        new(Sample.Quick with { Rules = [new RegistryRule(origin.Address, [.. mirrors.Select(static uri => new RegistryMirror(uri, RegistryCredential.None))])] });
}
