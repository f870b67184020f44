using System.Net;
using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>
/// Keeps pages in browsers away from an engine that is reached over TCP: they may send requests and open WebSockets to anywhere, and say where the page is from.
/// Other clients send no Origin.
/// </summary>
internal static class OriginCheck
{
    /// <summary>
    /// Refuses a request with an Origin other than the host that it is sent to; and where that is a name, since a site may point a name of its own to this machine once its page is loaded.
    /// </summary>
    /// <exception cref="EngineException">Forbidden.</exception>
    public static void Check(HttpContext context)
    {
        string origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0 || context.Connection.RemoteIpAddress is null)
        {
            return;
        }

        HostString host = context.Request.Host;
        bool isSame = Uri.TryCreate(origin, UriKind.Absolute, out Uri? site) && string.Equals(site.Authority, host.Value, StringComparison.OrdinalIgnoreCase);
        if (!isSame || !(IPAddress.TryParse(host.Host, out _) || host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)))
        {
            throw new EngineException(ErrorKind.Forbidden, $"Origin {origin} is not accepted at {host}: pages of other sites, or at a name other than localhost, cannot use the engine");
        }
    }
}
