using System.Net;

namespace Berth.Registry.Transport;

/// <summary>Which proxy a request takes, by the rules that Go programs (docker among them) have for HTTP_PROXY, HTTPS_PROXY and NO_PROXY. This machine is never asked for through one.</summary>
internal sealed class RegistryProxies : IWebProxy
{
    private readonly Uri? http;
    private readonly Uri? https;
    private readonly List<string> bypass;

    public RegistryProxies(RegistryProxy? named)
    {
        RegistryProxy proxy = named ?? FromEnvironment(Environment.GetEnvironmentVariable);
        http = proxy.Http;
        https = proxy.Https;
        bypass = [.. proxy.Bypass.Select(static entry => entry.Trim()).Where(static entry => entry.Length > 0)];
        Credentials = new UserInfoCredentials();
    }

    /// <summary>Whether no request takes a proxy.</summary>
    public bool IsEmpty => http is null && https is null;

    public ICredentials? Credentials { get; set; }

    public static RegistryProxy FromEnvironment(Func<string, string?> variable)
    {
        return new RegistryProxy(Address("HTTP_PROXY"), Address("HTTPS_PROXY"), Value("NO_PROXY")?.Split(',') ?? []);

        string? Value(string name) => variable(name) is { Length: > 0 } upper ? upper : variable(name.ToLowerInvariant());

        // An address without a scheme is one of an http proxy.
        Uri? Address(string name) =>
            Value(name) is { Length: > 0 } text && Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out Uri? uri) ? uri : null;
    }

    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : Of(destination);

    public bool IsBypassed(Uri host) => Of(host) is null || IsLocal(host.IdnHost) || bypass.Exists(entry => Matches(entry, host));

    private Uri? Of(Uri destination) => destination.Scheme == "https" ? https : http;

    private static bool IsLocal(string host) => host == "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));

    private static bool Matches(string entry, Uri destination)
    {
        if (entry == "*")
        {
            return true;
        }

        string host = destination.IdnHost.Trim('[', ']');
        bool isAddress = IPAddress.TryParse(host, out IPAddress? address);
        if (isAddress && IPNetwork.TryParse(entry, out IPNetwork block))
        {
            return block.Contains(address!);
        }

        string name = entry;
        int colon = entry.LastIndexOf(':');
        bool hasPort = colon > 0 && (entry.IndexOf(':', StringComparison.Ordinal) == colon || entry.StartsWith('['));
        if (hasPort && int.TryParse(entry.AsSpan(colon + 1), out int port))
        {
            if (port != destination.Port)
            {
                return false;
            }

            name = entry[..colon];
        }

        name = name.Trim('[', ']');
        if (isAddress)
        {
            return IPAddress.TryParse(name, out IPAddress? named) && named.Equals(address);
        }

        name = name.StartsWith("*.", StringComparison.Ordinal) ? name[1..] : name;
        return name.StartsWith('.')
            ? host.EndsWith(name, StringComparison.OrdinalIgnoreCase)
            : host.Equals(name, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + name, StringComparison.OrdinalIgnoreCase);
    }

    // User and password stand in the proxy's address.
    private sealed class UserInfoCredentials : ICredentials
    {
        public NetworkCredential? GetCredential(Uri uri, string authType)
        {
            string[] parts = uri.UserInfo.Split(':', 2);
            return parts[0].Length == 0 ? null : new NetworkCredential(Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts.ElementAtOrDefault(1) ?? ""));
        }
    }
}
