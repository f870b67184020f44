using Berth.Model;

namespace Berth.Registry.Tests;

/// <summary>What files say about registries.</summary>
public sealed class SettingsTests : IDisposable
{
    private readonly string path = Path.GetTempFileName();

    public void Dispose() => File.Delete(path);

    [Fact]
    public void TheDaemonsFileIsReadForWhatItSaysOfRegistries()
    {
        File.WriteAllText(path, """
            {
              "data-root": "/x", "debug": true, "default-address-pools": [{ "base": "10.0.0.0/8", "size": 24 }],
              "registry-mirrors": ["https://hub:5000"], "insecure-registries": ["lab:5000", "10.0.0.0/8"], "proxies": { "https-proxy": "p:3128", "no-proxy": "a,b" },
              "registries": { "quay.io": { "mirrors": ["https://one/quay", { "url": "https://two", "username": "ann", "password-file": "secret" }], "fallback": false } },
              "registry-certificates": ["certs", "/etc/certs"]
            }
            """);
        RegistryOptions options = RegistrySettings.ReadFile(new RegistryOptions(), path, hasOthers: true, static file => file + " word");
        Assert.Equal(["lab:5000", "10.0.0.0/8"], options.InsecureRegistries);
        Assert.Equal((new Uri("http://p:3128"), "a b"), (options.Proxy!.Https, string.Join(' ', options.Proxy.Bypass))); // the file names one
        Assert.Equal(["docker.io True: https://hub:5000/", "quay.io False: https://one/quay https://two/"], options.Rules.Select(static rule => $"{rule.Registry} {rule.FallsBack}: {string.Join(' ', rule.Mirrors.Select(static mirror => mirror.Url))}"));
        Assert.Equal(("ann", Path.Combine(Path.GetDirectoryName(path)!, "secret word")), (options.Rules[1].Mirrors[1].Credential.Username, options.Rules[1].Mirrors[1].Credential.Password));

        Assert.Equal([Path.Combine(Path.GetDirectoryName(path)!, "certs"), "/etc/certs"], options.CertificateFolders); // wherever the user is

        RegistryOptions without = RegistrySettings.ReadFile(new RegistryOptions(), path, hasOthers: true, static _ => null);
        Assert.Equal("", without.Rules[1].Mirrors[1].Credential.Username);
    }

    [Theory]
    [InlineData("""{ "debug": true }""", "the following directives don't match any configuration option: debug")]
    [InlineData("""{ "proxies": { "data-root": "/x" } }""", "the following directives don't match any configuration option: proxies.data-root")]
    [InlineData("""{ "registries": { "a": { "mirror": [] } } }""", "the following directives don't match any configuration option: registries.a.mirror")]
    [InlineData("""{ "registries": { "a": { "mirrors": ["ftp://x"] } } }""", "invalid mirror of a: wanted http(s)://HOST[:PORT][/PREFIX]")]
    [InlineData("""{ "registries": 3 }""", "registries must be an object")]
    [InlineData("""{ "insecure-registries": [""]}""", "registry options: insecure registry \"\" is neither")]
    [InlineData("[]", "")]
    public void WhatIsWrongIsToldWithTheFile(string json, string why)
    {
        File.WriteAllText(path, json);
        EngineException error = Assert.Throws<EngineException>(() => RegistrySettings.ReadFile(new RegistryOptions(), path, hasOthers: false, static _ => null));
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.StartsWith($"{path}: {why}", error.Message, StringComparison.Ordinal);
    }
}
