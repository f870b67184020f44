using Berth.Model;

namespace Berth.Cli.Registries;

/// <summary>The names under which credentials for registries are kept.</summary>
internal static class RegistryKey
{
    /// <summary>Docker Hub's, which is no host name for reasons of history.</summary>
    public const string DockerHub = "https://index.docker.io/v1/";

    /// <summary>The key of an image's registry.</summary>
    public static string Of(ImageReference image) => image.Domain == ImageReference.DefaultDomain ? DockerHub : image.Domain;

    /// <summary>The key of what a user calls a registry; nothing is Docker Hub.</summary>
    public static string OfServer(string server) => server.Length == 0 || server is ImageReference.DefaultDomain or DockerHub ? DockerHub : HostOf(server);

    /// <summary>A key or an address without its scheme and path.</summary>
    public static string HostOf(string address)
    {
        int scheme = address.IndexOf("://", StringComparison.Ordinal);
        string rest = scheme >= 0 ? address[(scheme + 3)..] : address;
        int slash = rest.IndexOf('/');
        return slash < 0 ? rest : rest[..slash];
    }
}
