using Microsoft.AspNetCore.Connections;

namespace Berth.Daemon.Http;

/// <summary>
/// Decides what a client's half-closed side means. To Kestrel it is always the end of the connection, which it then shuts down in both
/// directions; on a hijacked connection it is only the end of the input, and output goes on.
/// </summary>
internal sealed class HalfClose
{
    private volatile bool isTolerated;
    private volatile bool isClosed;

    /// <summary>Whether the client has closed at least its own side.</summary>
    public bool IsClosed => isClosed;

    /// <summary>Puts an instance on every connection of a listener, between the transport and HTTP.</summary>
    public static ConnectionDelegate Use(ConnectionDelegate next) => async connection =>
    {
        var state = new HalfClose();
        using var closed = new CancellationTokenSource();
        CancellationToken transportClosed = connection.ConnectionClosed;
        connection.Features.Set(state);
        connection.ConnectionClosed = closed.Token;
        await using (transportClosed.Register(() =>
        {
            state.isClosed = true;
            if (!state.isTolerated)
            {
                closed.Cancel();
            }
        }))
        {
            await next(connection);
        }
    };

    /// <summary>From now on the client may close its side; to be called before it is told that it may.</summary>
    public void Tolerate() => isTolerated = true;
}
