using System.Diagnostics;
using Berth.Model;
using Berth.Registry.Auth;
using Berth.Tests.Registries;

namespace Berth.Registry.Tests;

public sealed class AuthTests : IDisposable
{
    private static readonly RegistryCredential Ada = new() { Username = TokenServer.User, Password = TokenServer.Password };
    private readonly RegistryClient client = new(Sample.Quick);

    public void Dispose() => client.Dispose();

    [Fact]
    public void ChallengesAreParsed()
    {
        IReadOnlyList<Challenge> all = Challenge.Parse(
        [
            "Basic realm=\"a \\\"b\\\", c\", Bearer realm=\"https://auth/token\" , service = x,scope=\"repository:a/b:pull,push registry:catalog:*\"", "Negotiate",
        ]);
        Assert.Equal(["basic", "bearer", "negotiate"], all.Select(static challenge => challenge.Scheme));
        Assert.Equal("a \"b\", c", all[0]["realm"]);
        Assert.Equal(("https://auth/token", "x", "repository:a/b:pull,push registry:catalog:*"), (all[1]["realm"], all[1]["service"], all[1]["scope"]));
        Assert.Empty(Challenge.Parse(["", ",,", "\"x"]));
        Assert.Equal("bearer", Assert.Single(Challenge.Parse(["Bearer realm=\"open"])).Scheme);
    }

    [Fact]
    public async Task PasswordsOfAFile()
    {
        string file = Path.GetTempFileName();
        using (Process htpasswd = Process.Start(new ProcessStartInfo("htpasswd", ["-Bbc", "-C4", file, TokenServer.User, TokenServer.Password]) { UseShellExecute = false, RedirectStandardError = true })!)
        {
            await htpasswd.WaitForExitAsync();
        }

        using DockerRegistry registry = DockerRegistry.Start($"auth: {{ htpasswd: {{ realm: here, path: {file} }} }}");
        Assert.Equal("", await client.LoginAsync(registry.Address, Ada, default));
        EngineException wrong = await Sample.FailsAsync(ErrorKind.Unauthorized, () => client.LoginAsync(registry.Address, Ada with { Password = "secret-guess" }, default));
        Assert.StartsWith($"login attempt to http://{registry.Address}/v2/ failed with status: 401 Unauthorized", wrong.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-guess", wrong.ToString(), StringComparison.Ordinal);
        (byte[] manifest, _) = await client.Open(registry.Address, credential: Ada).PushImageAsync("x");
        Assert.Equal(manifest, (await client.Open(registry.Address, credential: Ada).GetManifestAsync("x", default)).Content);
        EngineException none = await Sample.FailsAsync(ErrorKind.Unauthorized, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.Contains("no basic auth credentials", none.Message, StringComparison.Ordinal);
        await Sample.FailsAsync(ErrorKind.Unauthorized, () => client.Open(registry.Address, credential: Ada with { Password = "no" }).GetManifestAsync("x", default));
        File.Delete(file);
    }

    [Fact]
    public async Task TokensByScope()
    {
        using var tokens = new TokenServer();
        using DockerRegistry registry = DockerRegistry.Start(tokens.Configuration);
        (byte[] manifest, byte[] layer) = await client.Open(registry.Address, credential: Ada).PushImageAsync("x");
        Assert.Equal(manifest, (await client.Open(registry.Address, credential: Ada).GetManifestAsync("x", default)).Content);
        Assert.Equal(layer, await client.Open(registry.Address, credential: Ada).PullAsync(Sample.Describe(layer)));
        // One for pushes, one for pulls; blobs of the pull need none of their own.
        Assert.Equal(2, tokens.Server.Requests.Count);
        Assert.Contains("scope=repository%3Aa%2Fb%3Apull%2Cpush", tokens.Server.Requests[0].Target, StringComparison.Ordinal);
        Assert.Contains($"account=ada", tokens.Server.Requests[0].Target, StringComparison.Ordinal);
        Assert.Contains($"service={TokenServer.Service}", tokens.Server.Requests[0].Target, StringComparison.Ordinal);
        Assert.Equal(BlobPushOutcome.Mounted, (await client.Open(registry.Address, "c", Ada).PushAsync(layer, "a/b")).Outcome);

        EngineException nobody = await Sample.FailsAsync(ErrorKind.NotFound, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.Equal(
            $"pull access denied for {registry.Address}/a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", nobody.Message);
        EngineException wrong = await Sample.FailsAsync(ErrorKind.Unauthorized, () => client.Open(registry.Address, credential: Ada with { Password = "no" }).GetManifestAsync("x", default));
        Assert.Contains("unauthorized: incorrect username or password", wrong.Message, StringComparison.Ordinal);
        tokens.IsPublic = true;
        Assert.Equal(manifest, (await client.Open(registry.Address).GetManifestAsync("x", default)).Content);
        EngineException pushed = await Sample.FailsAsync(ErrorKind.Forbidden, () => client.Open(registry.Address).PushAsync([1]));
        Assert.Contains("denied: requested access to the resource is denied", pushed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task IdentityTokensAndTokensOfOnesOwn()
    {
        using var tokens = new TokenServer();
        using DockerRegistry registry = DockerRegistry.Start(tokens.Configuration);
        (byte[] manifest, _) = await client.Open(registry.Address, credential: Ada).PushImageAsync("x");
        Assert.Equal(TokenServer.RefreshToken, await client.LoginAsync(registry.Address, Ada, default));
        await Sample.FailsAsync(ErrorKind.Unauthorized, () => client.LoginAsync(registry.Address, Ada with { Password = "no" }, default));
        tokens.Server.Forget();
        tokens.Server.When(static request => request.Method == "POST", _ => Fault.Answer(200, $$"""{"access_token":"{{tokens.Issue("ada", ["repository:a/b:pull"])}}"}"""));
        var identity = new RegistryCredential { Username = "<token>", IdentityToken = TokenServer.RefreshToken };
        Assert.Equal(manifest, (await client.Open(registry.Address, credential: identity).GetManifestAsync("x", default)).Content);
        Assert.Equal("POST", Assert.Single(tokens.Server.Requests).Method);
        Assert.Null(tokens.Server.Requests[0].Header("Authorization"));
        var own = new RegistryCredential { RegistryToken = tokens.Issue("ada", ["repository:a/b:pull"]) };
        Assert.Equal(manifest, (await client.Open(registry.Address, credential: own).GetManifestAsync("x", default)).Content);
        Assert.Single(tokens.Server.Requests);
        await Sample.FailsAsync(ErrorKind.Unauthorized, () => client.Open(registry.Address, credential: new RegistryCredential { RegistryToken = "made-up" }).GetManifestAsync("x", default));
    }

    [Fact]
    public async Task ATokenThatHasExpiredIsRenewed()
    {
        using var proxy = new FaultProxy();
        int issued = 0;
        proxy.When(static request => request.Path == "/token", _ => Fault.Answer(200, $$"""{"token":"t{{++issued}}"}"""));
        proxy.When(static request => request.Header("Authorization") is null or "Bearer t1", Fault.Answer(401, "", $"WWW-Authenticate: Bearer realm=\"http://{proxy.Address}/token\",service=\"s\""));
        proxy.When(static request => request.Method == "HEAD", Fault.Answer(200));
        Assert.True(await client.Open(proxy.Address).HasBlobAsync(Digest.Of([]), default));
        Assert.Equal(2, issued);
    }

    [Fact]
    public async Task ARegistryThatIsNeverContentIsLeft()
    {
        using var proxy = new FaultProxy();
        proxy.When(static request => request.Path == "/token", Fault.Answer(200, """{"token":"t"}"""));
        proxy.When(static _ => true, Fault.Answer(401, "", $"WWW-Authenticate: Bearer realm=\"http://{proxy.Address}/token\""));
        EngineException e = await Sample.FailsAsync(ErrorKind.Unauthorized, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.Contains("authentication required", e.Message, StringComparison.Ordinal);
        Assert.InRange(proxy.Requests.Count, 1, 10);
    }

    [Fact]
    public async Task CredentialsStayWithTheirHost()
    {
        using var other = new FaultProxy();
        using var proxy = new FaultProxy();
        byte[] content = Sample.Bytes(100);
        other.When(static _ => true, new Fault { Status = 200, Body = content });
        proxy.When(static request => request.Header("Authorization") is null, Fault.Answer(401, "", "WWW-Authenticate: Basic realm=x"));
        proxy.When(static request => request.IsBlob, Fault.Redirect($"http://{other.Address}/store?signature=sensitive"));
        proxy.When(static request => request.Method == "HEAD", Fault.Answer(404));
        proxy.When(static request => request.Method == "POST", Fault.Answer(202, "", $"Location: http://{other.Address}/upload?state=sensitive"));
        Assert.Equal(content, await client.Open(proxy.Address, credential: Ada).PullAsync(Sample.Describe(content)));
        await client.Open(proxy.Address, credential: Ada).PushAsync(content);
        Assert.Contains(proxy.Requests, static request => request.Header("Authorization") is not null);
        Assert.Equal(["GET", "PUT"], other.Requests.Select(static request => request.Method));
        Assert.All(other.Requests, static request => Assert.Null(request.Header("Authorization")));
        other.Forget();
        EngineException e = await Sample.FailsAsync(ErrorKind.NotFound, () => client.Open(proxy.Address, credential: Ada).PullAsync(Sample.Describe(content)));
        Assert.DoesNotContain("sensitive", e.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ATokenServiceInPlainTextGetsNoCredentialOfASecureRegistry()
    {
        using var authority = new TestAuthority();
        (string certificate, string key) = authority.Issue("registry");
        using var tokens = new TokenServer();
        using DockerRegistry registry = DockerRegistry.Start(tokens.Configuration, $"  tls: {{ certificate: {certificate}, key: {key} }}");
        Directory.CreateDirectory(Path.Combine(authority.Folder, "certs", registry.Address));
        File.Copy(authority.CertificateFile, Path.Combine(authority.Folder, "certs", registry.Address, "ca.crt"));
        using var strict = new RegistryClient(Sample.Quick with { IsLoopbackInsecure = false, CertificateFolders = [Path.Combine(authority.Folder, "certs")] });
        EngineException e = await Sample.FailsAsync(ErrorKind.Forbidden, () => strict.Open(registry.Address, credential: Ada).GetManifestAsync("x", default));
        Assert.Contains("no credential is sent there", e.Message, StringComparison.Ordinal);
        Assert.Empty(tokens.Server.Requests);
    }

    [Fact]
    public async Task TokenServicesThatLeadElsewhereAreNotFollowed()
    {
        using var other = new FaultProxy();
        using var proxy = new FaultProxy();
        proxy.When(static request => request.Path == "/token", Fault.Redirect($"http://{other.Address}/token"));
        proxy.When(static _ => true, Fault.Answer(401, "", $"WWW-Authenticate: Bearer realm=\"http://{proxy.Address}/token\""));
        await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address, credential: Ada).GetManifestAsync("x", default));
        Assert.Empty(other.Requests);
        proxy.Forget();
        proxy.When(static request => request.Path == "/token", new Fault { Status = 200, IsEndless = true, Headers = ["Content-Type: application/json"] });
        proxy.When(static _ => true, Fault.Answer(401, "", $"WWW-Authenticate: Bearer realm=\"http://{proxy.Address}/token\""));
        await Sample.FailsAsync(ErrorKind.TooLarge, () => client.Open(proxy.Address, "other", Ada).GetManifestAsync("x", default));
    }

    [Fact]
    public void TextFormsShowNoSecret()
    {
        var all = new RegistryCredential { Username = "ada", Password = "secret1", IdentityToken = "secret2", RegistryToken = "secret3" };
        Assert.DoesNotContain("secret", all.ToString() + new RegistryMirror(new Uri("https://x"), all) + new RegistryRule("*", [new RegistryMirror(new Uri("https://x"), all)]), StringComparison.Ordinal);
    }
}
