using System.Net;
using System.Net.Sockets;
using Berth.Model;

namespace Berth.Client;

/// <summary>Where an engine listens: <c>unix:///path</c>, <c>tcp://host:port</c>, or behind a connection that the caller makes.</summary>
public readonly record struct EngineEndpoint
{
    private const int DefaultTcpPort = 2375;
    private const int DefaultTlsPort = 2376;

    private readonly Func<Socket>? connect;

    private EngineEndpoint(string text, string? path, string host, int port, Func<Socket>? connect = null)
    {
        this.connect = connect;
        Text = text;
        UnixPath = path;
        Host = host;
        Port = port;
    }

    /// <summary>The address as it was given.</summary>
    public string Text { get; }

    /// <summary>Path of the socket; null for TCP.</summary>
    public string? UnixPath { get; }

    /// <summary>Value of the Host header and, for TCP, the host to connect to.</summary>
    public string Host { get; }

    /// <summary>TCP port; 0 for all else.</summary>
    public int Port { get; }

    /// <summary>An engine at the other end of a connection that <paramref name="connect"/> makes, once for each that is needed: a connected stream socket, whose owner the client is.</summary>
    /// <param name="text">The address in messages.</param>
    /// <param name="connect">What it throws as <see cref="IOException"/> is told as it is.</param>
    public static EngineEndpoint Via(string text, Func<Socket> connect) => new(text, null, "localhost", 0, connect);

    /// <summary>Reads an address in the form of DOCKER_HOST.</summary>
    /// <param name="text">The address.</param>
    /// <param name="tls">Whether TLS is spoken there, which by custom is another port where none is given.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> for another scheme or an empty path or host.</exception>
    public static EngineEndpoint Parse(string text, bool tls = false)
    {
        if (text.StartsWith("unix://", StringComparison.Ordinal) && text.Length > 7)
            return new EngineEndpoint(text, text[7..], "localhost", 0);

        if (text.StartsWith("tcp://", StringComparison.Ordinal) && Uri.TryCreate("http" + text[3..], UriKind.Absolute, out Uri? uri)
            && uri.Host.Length > 0 && uri.AbsolutePath == "/")
            return new EngineEndpoint(text, null, uri.Host, uri.IsDefaultPort ? tls ? DefaultTlsPort : DefaultTcpPort : uri.Port);

        throw new EngineException(ErrorKind.InvalidArgument, $"unable to parse daemon host \"{text}\": wanted unix:///path or tcp://host:port");
    }

    /// <summary>A new connection; the caller owns the socket.</summary>
    /// <exception cref="EngineConnectionException">Nobody listens there, or this user may not connect.</exception>
    internal async ValueTask<Socket> ConnectAsync(CancellationToken cancellationToken)
    {
        if (connect is not null)
            return Made(connect);

        Socket socket = CreateSocket(out EndPoint address);
        try
        {
            await socket.ConnectAsync(address, cancellationToken);
            return socket;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new EngineConnectionException(this, exception.SocketErrorCode, exception);
        }
    }

    /// <summary>The same, blocking; the socket stays in blocking mode, in which each read is one system call.</summary>
    /// <exception cref="EngineConnectionException">Nobody listens there, or this user may not connect.</exception>
    internal Socket Connect()
    {
        if (connect is not null)
            return Made(connect);

        Socket socket = CreateSocket(out EndPoint address);
        try
        {
            socket.Connect(address);
            return socket;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new EngineConnectionException(this, exception.SocketErrorCode, exception);
        }
    }

    private static Socket Made(Func<Socket> connect)
    {
        try
        {
            return connect();
        }
        catch (IOException exception)
        {
            throw new EngineConnectionException(exception.Message, exception);
        }
    }

    private Socket CreateSocket(out EndPoint address)
    {
        if (UnixPath is not null)
        {
            address = new UnixDomainSocketEndPoint(UnixPath);
            return new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { SendBufferSize = 512 << 10 }; // fewer changes between sender and reader
        }

        address = new DnsEndPoint(Host, Port);
        return new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    }
}

/// <summary>The engine could not be reached, or the connection broke before it answered.</summary>
public sealed class EngineConnectionException : IOException
{
    internal EngineConnectionException(EngineEndpoint endpoint, SocketError error, Exception inner)
        : base(Describe(endpoint, error), inner)
    {
    }

    internal EngineConnectionException(string message, Exception inner)
        : base(message, inner)
    {
    }

    private static string Describe(EngineEndpoint endpoint, SocketError error) => error == SocketError.AccessDenied
        ? $"permission denied while trying to connect to the Berth daemon socket at {endpoint.Text}"
        : $"Cannot connect to the Berth daemon at {endpoint.Text}. Is the berth daemon running?";
}
