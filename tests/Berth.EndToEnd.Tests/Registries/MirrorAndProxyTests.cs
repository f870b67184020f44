using System.Text;
using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>Mirrors and proxies as daemon.json names them, with users of their own: nobody is shown what is another's.</summary>
public sealed class MirrorAndProxyTests(OutsideFixture fixture) : IClassFixture<OutsideFixture>
{
    private const string MirrorPassword = "mirror-31-word";
    private const string ProxyPassword = "proxy-52-word";
    private const string Password = "pass-93-word";

    [Fact]
    public async Task AMirrorHasItsOwnUserAndPrefix()
    {
        using DockerRegistry backend = DockerRegistry.Start();
        using var content = new RegistryContent(backend.Address);
        Document here = await content.PutImageAsync("cache/a/b", "here", ImageFormat.Oci, "gzip", [RegistryContent.Noise(60, 1000)]);
        Document there = await content.PutImageAsync("a/b", "there", ImageFormat.Oci, "gzip", [RegistryContent.Noise(61, 1000)]);
        using var tokens = new TokenServer();
        using FaultProxy mirror = new(backend.Address), origin = new(backend.Address);
        string wanted = Basic("mia", MirrorPassword);
        void Guard()
        {
            mirror.Forget();
            origin.Forget();
            tokens.Server.Forget();
            mirror.When(request => request.Header("Authorization") != wanted, Fault.Answer(401, "", "WWW-Authenticate: Basic realm=\"mirror\""));
            origin.When(
                static request => request.Header("Authorization")?.StartsWith("Bearer ", StringComparison.Ordinal) != true,
                Fault.Answer(401, "", $"WWW-Authenticate: Bearer realm=\"{tokens.Realm}\",service=\"{TokenServer.Service}\",scope=\"repository:a/b:pull\""));
            tokens.Serve();
        }

        Guard();
        fixture.Expose(tokens.Server.Address, "127.0.0.1");
        string registry = fixture.Expose(origin.Address), cache = fixture.Expose(mirror.Address);
        string file = Path.Combine(fixture.Daemon.Home, "mirror-password");
        await File.WriteAllTextAsync(file, MirrorPassword + "\n");
        string Rules(string fallback) => $$$$"""{"registries": {"{{{{registry}}}}": {"mirrors": [{"url": "http://{{{{cache}}}}/cache", "username": "mia", "password-file": "{{{{file}}}}"}]{{{{fallback}}}}}}}""";
        await fixture.RestartAsync(Rules(""), "--insecure-registry", registry);
        (await fixture.Berth.RunAsync(["login", "-u", TokenServer.User, "--password-stdin", registry], Encoding.UTF8.GetBytes(TokenServer.Password))).Expect();

        Assert.Equal([Basic(TokenServer.User, TokenServer.Password)], tokens.Server.Requests.Select(static request => request.Header("Authorization")).Distinct());
        Assert.Empty(mirror.Requests);

        // The mirror has it: nobody else is asked.
        Guard();
        Assert.Contains("Digest: " + here.Digest, (await fixture.Berth.RunAsync("pull", $"{registry}/a/b:here")).Expect().Output, StringComparison.Ordinal);
        Assert.Empty(origin.Requests);
        Assert.Empty(tokens.Server.Requests);
        Assert.All(mirror.Requests, static request => Assert.StartsWith("/v2/cache/a/b/", request.Path, StringComparison.Ordinal));
        Assert.Equal([null, wanted], mirror.Requests.Select(static request => request.Header("Authorization")).Distinct());

        // It has not.
        Guard();
        Assert.Contains("Digest: " + there.Digest, (await fixture.Berth.RunAsync("pull", $"{registry}/a/b:there")).Expect().Output, StringComparison.Ordinal);
        Assert.NotEmpty(mirror.Requests);
        Assert.All(mirror.Requests, request => Assert.Contains(request.Header("Authorization"), (string?[])[null, wanted]));
        Assert.NotEmpty(origin.Requests);
        Assert.All(origin.Requests, static request => Assert.DoesNotContain("Basic", request.Header("Authorization") ?? "", StringComparison.Ordinal));
        Assert.NotEmpty(tokens.Server.Requests);
        Assert.All(tokens.Server.Requests, static request => Assert.Equal(("POST", null), (request.Method, request.Header("Authorization")))); // with what the login brought, in place of the password

        // Nothing is pushed to it.
        Guard();
        (await fixture.Berth.RunAsync("tag", $"{registry}/a/b:there", $"{registry}/a/b:pushed")).Expect();
        (await fixture.Berth.RunAsync("push", $"{registry}/a/b:pushed")).Expect();
        Assert.Empty(mirror.Requests);
        Assert.Equal(there.Digest, (await content.GetAsync("a/b", "pushed")).Digest);
        (await fixture.Berth.RunAsync("rmi", $"{registry}/a/b:here", $"{registry}/a/b:there", $"{registry}/a/b:pushed")).Expect();

        // Nothing is asked of the registry itself.
        await fixture.RestartAsync(Rules(", \"fallback\": false"), "--insecure-registry", registry);
        Guard();
        string error = (await fixture.Berth.RunAsync("pull", $"{registry}/a/b:there")).Expect(1).Error;
        Assert.Contains("manifest unknown", error, StringComparison.Ordinal);
        Assert.Contains(cache, error, StringComparison.Ordinal);
        Assert.Contains("Digest: " + here.Digest, (await fixture.Berth.RunAsync("pull", $"{registry}/a/b:here")).Expect().Output, StringComparison.Ordinal);
        Assert.Empty(origin.Requests);
        Assert.Empty(tokens.Server.Requests);
        (await fixture.Berth.RunAsync("rmi", $"{registry}/a/b:here")).Expect();
        Assert.DoesNotContain(MirrorPassword, fixture.Daemon.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(TokenServer.Password, fixture.Daemon.Log, StringComparison.Ordinal);
    }

    // The daemon cannot find the registry's name: the proxy does.
    [Fact]
    public async Task AProxySeesATunnelAlone()
    {
        const string Registry = "registry.test";
        using DockerRegistry registry = fixture.StartTls(await fixture.UsersAsync("ann", Password), names: Registry);
        using DockerRegistry open = DockerRegistry.Start();
        using var proxy = new TunnelProxy(registry.Address, "pat:" + ProxyPassword);
        string by = fixture.Expose(proxy.Address), near = fixture.Expose(open.Address);
        string Proxies(string password) => $$$$"""{"proxies": {"https-proxy": "http://pat:{{{{password}}}}@{{{{by}}}}", "http-proxy": "http://pat:{{{{password}}}}@{{{{by}}}}", "no-proxy": "localhost,198.18.77.0/24"}}""";
        await fixture.RestartAsync(Proxies(ProxyPassword), "--insecure-registry", near);
        fixture.Put(Registry, fixture.Authority.CertificateFile, "ca.crt");
        (await fixture.Berth.RunAsync(["login", "-u", "ann", "--password-stdin", Registry], Encoding.UTF8.GetBytes(Password))).Expect();
        const string Name = Registry + "/a/b:1";
        (await fixture.Berth.RunAsync("tag", "busybox", Name)).Expect();
        (await fixture.Berth.RunAsync("push", Name)).Expect();
        (await fixture.Berth.RunAsync("rmi", Name)).Expect();
        (await fixture.Berth.RunAsync("pull", Name)).Expect();
        Assert.NotEmpty(proxy.Heads);
        Assert.All(proxy.Heads, static head =>
        {
            Assert.StartsWith("CONNECT registry.test:443 HTTP/1.1\r\n", head, StringComparison.Ordinal);
            Assert.DoesNotContain("\nAuthorization:", head, StringComparison.OrdinalIgnoreCase);
        });

        // What is near is not asked for through it.
        int asked = proxy.Heads.Count;
        (await fixture.Berth.RunAsync("tag", "busybox", near + "/a:1")).Expect();
        (await fixture.Berth.RunAsync("push", near + "/a:1")).Expect();
        Assert.Equal(asked, proxy.Heads.Count);

        await fixture.RestartAsync(Proxies("wrong-52"));
        string error = (await fixture.Berth.RunAsync("pull", Name)).Expect(1).Error;
        Assert.Contains($"https://{Registry}/v2/", error, StringComparison.Ordinal);
        Assert.Contains("proxyconnect: Proxy Authentication Required", error, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong-52", error + fixture.Daemon.Log, StringComparison.Ordinal);
        Assert.DoesNotContain(ProxyPassword, fixture.Daemon.Log, StringComparison.Ordinal);
        (await fixture.Berth.RunAsync("rmi", Name, near + "/a:1")).Expect();
    }

    private static string Basic(string user, string password) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
}
