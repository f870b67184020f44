using System.Net;
using System.Net.Sockets;
using Berth.Model;

namespace Berth.Daemon.Options;

/// <summary>An address the API is served on: a unix socket's path, or an IP address and port.</summary>
internal readonly record struct ListenAddress(string? SocketPath, IPEndPoint? EndPoint)
{
    private const int MaxSocketPath = 107;

    /// <exception cref="EngineException">InvalidArgument when it is neither <c>unix://PATH</c> nor <c>tcp://IP:PORT</c>.</exception>
    public static ListenAddress Parse(string text)
    {
        if (text.StartsWith("unix://", StringComparison.Ordinal) && text.Length is > 7 and <= 7 + MaxSocketPath)
        {
            return new ListenAddress(Path.GetFullPath(text[7..]), null);
        }

        if (text.StartsWith("tcp://", StringComparison.Ordinal) && IPEndPoint.TryParse(text.AsSpan(6), out IPEndPoint? endPoint) && endPoint.Port > 0)
        {
            return new ListenAddress(null, endPoint);
        }

        throw new EngineException(ErrorKind.InvalidArgument,
            $"invalid host \"{text}\": wanted unix://PATH (at most {MaxSocketPath} bytes) or tcp://IP:PORT");
    }

    /// <summary>Removes a socket that a dead daemon left.</summary>
    /// <exception cref="EngineException">Conflict when somebody listens there.</exception>
    public void RemoveStale()
    {
        if (SocketPath is null || !File.Exists(SocketPath))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(SocketPath));
        }
        catch (SocketException)
        {
            File.Delete(SocketPath);
            return;
        }

        throw new EngineException(ErrorKind.Conflict, $"another daemon is listening on {SocketPath}; stop it or choose another address with -H");
    }
}
