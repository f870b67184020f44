using Berth.Api;
using Berth.Daemon.Options;
using Berth.Model;

namespace Berth.Daemon.Mapping;

/// <summary>What <c>info</c> tells of the daemon's options.</summary>
internal static class SystemMapping
{
    /// <summary>Registries as docker tells them.</summary>
    public static RegistryConfigInfo ToRegistryConfig(DaemonOptions options)
    {
        List<string> mirrors = [.. options.HubMirrors];
        var config = new RegistryConfigInfo
        {
            InsecureRegistryCidrs = ["::1/128", "127.0.0.0/8", .. options.Registries.InsecureRegistries.Where(static name => name.Contains('/', StringComparison.Ordinal))],
            Mirrors = mirrors,
            IndexConfigs = { [ImageReference.DefaultDomain] = new IndexInfo { Name = ImageReference.DefaultDomain, Mirrors = mirrors, Secure = true, Official = true } },
        };
        foreach (string name in options.Registries.InsecureRegistries.Where(static name => !name.Contains('/', StringComparison.Ordinal)))
        {
            config.IndexConfigs[name] = new IndexInfo { Name = name, Mirrors = [], Secure = false };
        }

        return config;
    }

    /// <summary>A proxy without its password.</summary>
    public static string ToText(Uri? proxy) => proxy is null ? "" : proxy.UserInfo.Length == 0 ? proxy.OriginalString : $"{proxy.Scheme}://xxxxx:xxxxx@{proxy.Authority}{proxy.AbsolutePath.TrimEnd('/')}";
}
