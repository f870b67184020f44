using Berth.Api;
using Berth.Registry;

namespace Berth.Cli.Registries;

/// <summary>Registries as this program reaches them itself, without the daemon.</summary>
internal static class RegistryAccess
{
    /// <summary>The same credentials in the registry library's form.</summary>
    public static RegistryCredential ToCredential(RegistryAuth? auth) => auth is null ? RegistryCredential.None : new RegistryCredential
    {
        Username = auth.Username ?? "",
        Password = auth.Password ?? "",
        IdentityToken = auth.IdentityToken ?? "",
        RegistryToken = auth.RegistryToken ?? "",
    };
}
