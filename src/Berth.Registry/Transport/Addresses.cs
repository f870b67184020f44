using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>Addresses that others name: shown without what is secret in them, and resolved without trust.</summary>
internal static class Addresses
{
    /// <summary>Scheme, host, port and path alone: users, passwords and queries (which may hold signatures) are nobody's to read.</summary>
    public static string Show(Uri uri)
    {
        // Without a scheme "user:password@host" is an address of the scheme "user".
        bool isWeb = uri is { IsAbsoluteUri: true, Scheme: "http" or "https" };
        return isWeb ? PrintableText.Of($"{uri.Scheme}://{uri.Authority}{uri.AbsolutePath}") : "(no http address)";
    }

    /// <summary>The place that an answer names; a relative one counts from where the answer came from.</summary>
    /// <exception cref="EngineException">Unavailable for what is no address.</exception>
    public static Uri Resolve(Uri from, Uri location, string subject) =>
        Uri.TryCreate(from, location, out Uri? place)
            ? place
            : throw new EngineException(ErrorKind.Unavailable, $"{subject}: {from.Authority} sent a place that is no address");

    /// <summary><c>scheme://host/</c> of a registry's host, with or without a port.</summary>
    /// <exception cref="EngineException">InvalidArgument for what is more, or no host.</exception>
    public static Uri OfHost(string scheme, string host) =>
        Uri.TryCreate($"{scheme}://{host}/", UriKind.Absolute, out Uri? uri) && uri is { UserInfo: "", PathAndQuery: "/", Fragment: "" }
            ? uri
            : throw new EngineException(ErrorKind.InvalidArgument, $"\"{PrintableText.Of(host[(host.LastIndexOf('@') + 1)..])}\" is no registry's address; wanted host[:port]");
}
