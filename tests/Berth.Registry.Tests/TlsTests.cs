using Berth.Model;
using Berth.Tests.Registries;

namespace Berth.Registry.Tests;

/// <summary>Loopback is exempt from checks; these clients are told that it is not.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TestAuthority authority = new();

    private string CertificateFolder => Path.Combine(authority.Folder, "certs");

    private RegistryOptions Strict => Sample.Quick with { IsLoopbackInsecure = false, CertificateFolders = [Path.Combine(authority.Folder, "none"), CertificateFolder] };

    public void Dispose() => authority.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AuthoritiesOfAHost(bool isWithPort)
    {
        using DockerRegistry registry = StartTls("");
        using var client = new RegistryClient(Strict);
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.Contains($"Get \"https://{registry.Address}/v2/a/b/manifests/x\": x509: certificate signed by unknown authority (", e.Message, StringComparison.Ordinal);
        Assert.EndsWith($"; its authority's certificate belongs into {authority.Folder}/none/{registry.Address}/ca.crt", e.Message, StringComparison.Ordinal);
        Put(isWithPort ? registry.Address : "127.0.0.1", authority.CertificateFile, "ca.crt");
        (byte[] manifest, _) = await client.Open(registry.Address).PushImageAsync("x"); // taken up without a new client
        Assert.Equal(manifest, (await client.Open(registry.Address).GetManifestAsync("x", default)).Content);

        using var exempt = new RegistryClient(Sample.Quick);
        Assert.Equal(manifest, (await exempt.Open(registry.Address).GetManifestAsync("x", default)).Content);
        using var named = new RegistryClient(Sample.Quick with { IsLoopbackInsecure = false, InsecureRegistries = ["127.0.0.0/8"] });
        Assert.Equal(manifest, (await named.Open(registry.Address).GetManifestAsync("x", default)).Content);
    }

    [Fact]
    public async Task CertificatesOfClients()
    {
        using DockerRegistry registry = StartTls($", clientcas: [{authority.CertificateFile}]");
        using var client = new RegistryClient(Strict);
        Put(registry.Address, authority.CertificateFile, "ca.crt");
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.Matches(": remote error: tls: (certificate required|bad certificate); ", e.Message); // by the version of Go's library
        Assert.Contains($"; the certificate to show there belongs into {authority.Folder}/none/{registry.Address}/client.cert", e.Message, StringComparison.Ordinal);
        (string certificate, string key) = authority.Issue("ada", isServer: false);
        Put(registry.Address, certificate, "client.cert");
        EngineException half = await Sample.FailsAsync(ErrorKind.InvalidArgument, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.Contains("missing key", half.Message, StringComparison.Ordinal);
        Put(registry.Address, key, "client.key");
        (byte[] manifest, _) = await client.Open(registry.Address).PushImageAsync("x");
        Assert.Equal(manifest, (await client.Open(registry.Address).GetManifestAsync("x", default)).Content);
    }

    [Fact]
    public async Task WhatIsWrongWithACertificateIsTold()
    {
        using var other = new TestAuthority();
        using DockerRegistry registry = StartTls("");
        using var client = new RegistryClient(Strict);
        Put(registry.Address, other.CertificateFile, "ca.crt");
        EngineException e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(registry.Address).GetManifestAsync("x", default));
        Assert.Contains(": x509: certificate signed by unknown authority, also by those of its folder (", e.Message, StringComparison.Ordinal);
        using DockerRegistry elsewhere = StartTls("", host: "127.0.0.2");
        Put(elsewhere.Address, authority.CertificateFile, "ca.crt");
        e = await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(elsewhere.Address).GetManifestAsync("x", default));
        Assert.EndsWith(": x509: certificate is not valid for 127.0.0.2; it is for localhost, 127.0.0.1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoPlainTextForOthers()
    {
        using var proxy = new FaultProxy();
        using var client = new RegistryClient(Strict);
        await Sample.FailsAsync(ErrorKind.Unavailable, () => client.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.Empty(proxy.Requests);
        using var named = new RegistryClient(Strict with { InsecureRegistries = [proxy.Address] });
        await Sample.FailsAsync(ErrorKind.NotFound, () => named.Open(proxy.Address).GetManifestAsync("x", default));
        Assert.NotEmpty(proxy.Requests);
    }

    private DockerRegistry StartTls(string more, string host = "127.0.0.1")
    {
        (string certificate, string key) = authority.Issue("registry");
        return DockerRegistry.Start(http: $"  tls: {{ certificate: {certificate}, key: {key}{more} }}", host: host);
    }

    private void Put(string host, string file, string name)
    {
        Directory.CreateDirectory(Path.Combine(CertificateFolder, host));
        File.Copy(file, Path.Combine(CertificateFolder, host, name), overwrite: true);
    }
}
