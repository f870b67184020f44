using System.Net;
using System.Net.Sockets;
using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>What requests without an answer are called.</summary>
internal static class RegistryErrors
{
    /// <summary>The failure of a request that got no answer.</summary>
    public static EngineException Unreachable(RegistryCall call, UnreachableException failure) =>
        new(ErrorKind.Unavailable, $"{call.Subject}: {Describe(call.Method, failure.Uri, failure.InnerException!)}", failure.InnerException);

    /// <summary>Which request failed, and why, as Go's network library puts it: <c>Get "https://host/v2/": dial tcp host:443: connect: connection refused</c>.</summary>
    public static string Describe(HttpMethod method, Uri uri, Exception cause)
    {
        string name = string.Concat(method.Method.AsSpan(0, 1), method.Method[1..].ToLowerInvariant());
        return $"{name} \"{Addresses.Show(uri)}\": {Describe(uri, cause)}";
    }

    private static string Describe(Uri uri, Exception cause)
    {
        string address = $"{uri.Host}:{uri.Port}";
        for (Exception? e = cause; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case SocketException socket:
                    return socket.SocketErrorCode switch
                    {
                        SocketError.ConnectionRefused => $"dial tcp {address}: connect: connection refused",
                        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain => $"dial tcp: lookup {uri.Host}: no such host",
                        SocketError.HostUnreachable => $"dial tcp {address}: connect: no route to host",
                        SocketError.NetworkUnreachable => $"dial tcp {address}: connect: network is unreachable",
                        SocketError.ConnectionReset => "connection reset by peer",
                        _ => socket.Message,
                    };
                case TlsFailure:
                    return e.Message;
                case TimeoutException:
                    return e.Message;
                case HttpRequestException { StatusCode: HttpStatusCode.ProxyAuthenticationRequired }:
                    return "proxyconnect: Proxy Authentication Required";
            }
        }

        return cause.GetBaseException().Message;
    }
}
