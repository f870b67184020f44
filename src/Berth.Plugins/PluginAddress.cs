using System.Globalization;
using Berth.Model;

namespace Berth.Plugins;

/// <summary>Where a plugin listens.</summary>
/// <param name="SocketPath">A unix socket; null: it is reached by <paramref name="Host"/>.</param>
/// <param name="Host">A name or an address; empty with a socket.</param>
/// <param name="Port">Of the host.</param>
/// <param name="Tls">Null: it is spoken to in plain text.</param>
internal sealed record PluginAddress(string? SocketPath, string Host, int Port, PluginTls? Tls)
{
    /// <summary>Host and port as a URL has them: an address of IPv6 in brackets.</summary>
    public string Authority => (Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host) + ":" + Port.ToString(CultureInfo.InvariantCulture);

    /// <summary>Parses <c>unix:///PATH</c>, <c>tcp://HOST:PORT</c>, <c>http://HOST[:PORT]</c> or <c>https://HOST[:PORT]</c>. A path behind a host has no meaning, as in docker.</summary>
    /// <param name="plugin">The plugin's name, for messages.</param>
    /// <param name="text">The address.</param>
    /// <param name="tls">What was configured for TLS; it is used with https whatever was, and with tcp when something was.</param>
    /// <exception cref="EngineException">InvalidArgument: it is none of these.</exception>
    public static PluginAddress Parse(string plugin, string text, PluginTls? tls)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri))
        {
            throw Refusal(plugin, text);
        }

        return uri.Scheme switch
        {
            "unix" when uri.Host.Length == 0 && uri.AbsolutePath.Length > 1 => new PluginAddress(Uri.UnescapeDataString(uri.AbsolutePath), "", 0, null),
            "tcp" when uri.Port > 0 && uri.Host.Length > 0 => new PluginAddress(null, uri.IdnHost, uri.Port, tls),
            "http" when uri.Host.Length > 0 => new PluginAddress(null, uri.IdnHost, uri.Port, null),
            "https" when uri.Host.Length > 0 => new PluginAddress(null, uri.IdnHost, uri.Port, tls ?? new PluginTls()),
            _ => throw Refusal(plugin, text),
        };
    }

    public override string ToString() => SocketPath ?? $"{(Tls is null ? "tcp" : "https")}://{Authority}";

    private static EngineException Refusal(string plugin, string text) =>
        new(ErrorKind.InvalidArgument, $"plugin \"{plugin}\": invalid address \"{text}\"; wanted unix:///PATH, tcp://HOST:PORT, http://HOST or https://HOST");
}

/// <summary>How a plugin's TLS is checked; files are PEM.</summary>
internal sealed record PluginTls
{
    /// <summary>Whether any plugin is taken for the right one.</summary>
    public bool InsecureSkipVerify { get; init; }

    /// <summary>Whom to trust, and nobody else; empty: whom the host trusts.</summary>
    public string CAFile { get; init => field = value ?? ""; } = "";

    /// <summary>What to show the plugin; empty for nothing, and then without <see cref="KeyFile"/>.</summary>
    public string CertFile { get; init => field = value ?? ""; } = "";
    public string KeyFile { get; init => field = value ?? ""; } = "";
}
