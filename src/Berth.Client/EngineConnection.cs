using System.Net.Security;
using System.Net.Sockets;

namespace Berth.Client;

/// <summary>One connection to an engine in blocking mode, plain or within TLS. Reading and writing may happen at the same time from two threads.</summary>
internal sealed class EngineConnection : IDisposable
{
    private readonly Socket socket;
    private readonly SslStream? tls;

    private EngineConnection(Socket socket, SslStream? tls)
    {
        this.socket = socket;
        this.tls = tls;
    }

    /// <summary>Connects; each read of a plain connection is one system call.</summary>
    /// <exception cref="EngineConnectionException">Nobody listens there, this user may not connect, or one side does not trust the other.</exception>
    public static EngineConnection Open(EngineEndpoint endpoint, EngineTls? tls)
    {
        Socket connected = endpoint.Connect();
        return new EngineConnection(connected, endpoint.Port > 0 ? tls?.Begin(endpoint, new NetworkStream(connected, ownsSocket: true)) : null);
    }

    /// <summary>The same as a stream, for those that read and write streams.</summary>
    /// <inheritdoc cref="Open"/>
    public static async ValueTask<Stream> OpenStreamAsync(EngineEndpoint endpoint, EngineTls? tls, bool blocking, CancellationToken cancellationToken)
    {
        var plain = new NetworkStream(blocking ? endpoint.Connect() : await endpoint.ConnectAsync(cancellationToken), ownsSocket: true);
        if (tls is null || endpoint.Port == 0)
            return plain;

        return blocking ? tls.Begin(endpoint, plain) : await tls.BeginAsync(endpoint, plain, cancellationToken);
    }

    /// <summary>Some bytes; 0 at the end.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    public int Receive(Span<byte> buffer)
    {
        if (tls is null)
            return socket.Receive(buffer);

        try
        {
            return tls.Read(buffer);
        }
        catch (IOException exception)
        {
            throw Broken(exception);
        }
    }

    /// <exception cref="SocketException">The connection broke.</exception>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        if (tls is null)
        {
            while (bytes.Length > 0)
                bytes = bytes[socket.Send(bytes)..];

            return;
        }

        try
        {
            tls.Write(bytes);
        }
        catch (IOException exception)
        {
            throw Broken(exception);
        }
    }

    /// <summary>Ends this direction; the other goes on. A connection that is already gone is no error.</summary>
    public void CloseWrite()
    {
        try
        {
            if (tls is null)
                socket.Shutdown(SocketShutdown.Send);
            else
                tls.ShutdownAsync().GetAwaiter().GetResult(); // a few bytes over a blocking socket
        }
        catch (Exception exception) when (exception is SocketException or IOException)
        {
            // The other side was faster: its end also ends our input.
        }
    }

    public void Dispose()
    {
        tls?.Dispose();
        socket.Dispose();
    }

    private static SocketException Broken(IOException exception) =>
        exception.InnerException as SocketException ?? new SocketException((int)SocketError.ConnectionReset);
}
