using System.Text;
using Berth.EndToEnd.Tests.Support;
using Berth.Tests.Registries;

namespace Berth.EndToEnd.Tests.Registries;

/// <summary>Registries behind TLS that are not on loopback: who signed them counts, for the daemon and for <c>berth</c> itself.</summary>
public sealed class RegistryTlsTests(OutsideFixture fixture) : IClassFixture<OutsideFixture>
{
    private const string Password = "pass-77-word";

    private static readonly byte[] PasswordInput = Encoding.UTF8.GetBytes(Password);

    [Fact]
    public async Task TheAuthoritysFileIsTakenUpAndTheUserKnown()
    {
        await fixture.RestartAsync();
        using DockerRegistry registry = fixture.StartTls(await fixture.UsersAsync("ann", Password));
        string host = fixture.Expose(registry.Address), name = $"{host}/secret:1";
        string[] login = ["login", "-u", "ann", "--password-stdin", host];
        (await fixture.Berth.RunAsync("tag", "busybox", name)).Expect();
        foreach (CommandResult refused in (CommandResult[])[await fixture.Berth.RunAsync(login, PasswordInput), await fixture.Berth.RunAsync("push", name), await fixture.Berth.RunAsync("pull", name)])
        {
            AssertNotTrusted(refused.Expect(1), host, Path.Combine(fixture.Certificates, host, "ca.crt"));
        }

        // No restart.
        fixture.Put(host, fixture.Authority.CertificateFile, "ca.crt");
        Assert.Contains("no basic auth credentials", (await fixture.Berth.RunAsync("push", name)).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("unauthorized", (await fixture.Berth.RunAsync(login, "wrong"u8.ToArray())).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains("Login Succeeded", (await fixture.Berth.RunAsync(login, PasswordInput)).Expect().Output, StringComparison.Ordinal);
        (await fixture.Berth.RunAsync("push", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
        Assert.Equal("1", (await fixture.Berth.RunAsync("run", "--rm", "--network", "none", name, "echo", "1")).Expect().Line);

        // What berth reaches itself.
        foreach (string[] own in (string[][])[["manifest", "inspect", name], ["image", "copy", name, $"{host}/copied:1"]])
        {
            AssertNotTrusted(await fixture.RunThereAsync(hasCertificates: false, own), host, $"/etc/berth/certs.d/{host}/ca.crt");
            (await fixture.RunThereAsync(hasCertificates: true, own)).Expect();
        }

        (await fixture.Berth.RunAsync("pull", $"{host}/copied:1")).Expect();
        (await fixture.Berth.RunAsync("logout", host)).Expect();
        Assert.DoesNotContain(Password, fixture.Daemon.Log, StringComparison.Ordinal);
        (await fixture.Berth.RunAsync("rmi", name, $"{host}/copied:1")).Expect();
    }

    [Fact]
    public async Task TheRegistryMayWantACertificate()
    {
        await fixture.RestartAsync();
        using DockerRegistry registry = fixture.StartTls(tls: $", clientcas: [{fixture.Authority.CertificateFile}]");
        string host = fixture.Expose(registry.Address), name = $"{host}/for-known/ones:1";
        (await fixture.Berth.RunAsync("tag", "busybox", name)).Expect();
        fixture.Put(host, fixture.Authority.CertificateFile, "ca.crt");
        CommandResult refused = (await fixture.Berth.RunAsync("push", name)).Expect(1);
        Assert.Matches("/v2/.*: remote error: tls: (certificate required|bad certificate); ", refused.Error); // by the version of Go's library
        Assert.Contains($"{Path.Combine(fixture.Certificates, host)}/client.cert", refused.Error, StringComparison.Ordinal);
        (string certificate, string key) = fixture.Authority.Issue("ada", isServer: false);
        fixture.Put(host, certificate, "client.cert");
        Assert.Contains("missing key", (await fixture.Berth.RunAsync("push", name)).Expect(1).Error, StringComparison.Ordinal);
        fixture.Put(host, key, "client.key");
        (await fixture.Berth.RunAsync("push", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
        (await fixture.Berth.RunAsync("pull", name)).Expect();
        (await fixture.RunThereAsync(hasCertificates: true, "manifest", "inspect", name)).Expect();
        (await fixture.Berth.RunAsync("rmi", name)).Expect();
    }

    [Theory]
    [InlineData("host:port")]
    [InlineData("host")]
    [InlineData("block")]
    public async Task WhatIsCalledInsecureIsNotChecked(string entry)
    {
        using DockerRegistry registry = fixture.StartTls();
        using DockerRegistry plain = DockerRegistry.Start();
        string secure = fixture.Expose(registry.Address), open = fixture.Expose(plain.Address);
        await fixture.RestartAsync();
        foreach (string host in (string[])[secure, open])
        {
            string name = $"{host}/{fixture.NewRepository()}:1";
            (await fixture.Berth.RunAsync("tag", "busybox", name)).Expect();
            string told = (await fixture.Berth.RunAsync("push", name)).Expect(1).Error;
            Assert.Contains(host == open ? "insecure-registries" : "ca.crt", told, StringComparison.Ordinal);
        }

        string[] options = entry switch
        {
            "host:port" => ["--insecure-registry", secure, "--insecure-registry", open],
            "host" => ["--insecure-registry", OutsideFixture.Host],
            _ => ["--insecure-registry", "198.18.77.0/24"],
        };
        await fixture.RestartAsync("{}", options);
        foreach (string name in (await fixture.Berth.RunAsync("images", "--format", "{{.Repository}}:{{.Tag}}")).Expect().Line.Split('\n').Where(static name => name.StartsWith(OutsideFixture.Host, StringComparison.Ordinal)))
        {
            (await fixture.Berth.RunAsync("push", name)).Expect();
            (await fixture.Berth.RunAsync("rmi", name)).Expect();
            (await fixture.Berth.RunAsync("pull", name)).Expect();
            (await fixture.RunThereAsync(hasCertificates: false, "manifest", "inspect", name)).Expect(1);
            (await fixture.RunThereAsync(hasCertificates: false, "manifest", "inspect", "--insecure", name)).Expect();
            (await fixture.Berth.RunAsync("rmi", name)).Expect();
        }
    }

    // Which registry, why not, and what to do.
    private static void AssertNotTrusted(CommandResult refused, string host, string file)
    {
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains($"https://{host}/v2/", refused.Error, StringComparison.Ordinal);
        Assert.Contains("x509: ", refused.Error, StringComparison.Ordinal);
        Assert.Contains(file, refused.Error, StringComparison.Ordinal);
    }
}
