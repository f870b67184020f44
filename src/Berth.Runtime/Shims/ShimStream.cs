using System.Net.Sockets;

namespace Berth.Runtime.Shims;

/// <summary>
/// An attachment or a log follower. Reading gives docker's multiplexed frames, or plain bytes with a terminal, and ends when all was delivered;
/// writing is the process's input. What is not read slows the process; disposing frees it.
/// </summary>
public sealed class ShimStream : IAsyncDisposable
{
    private readonly FrameChannel _channel;

    internal ShimStream(FrameChannel channel)
    {
        _channel = channel;
        Stream = new NetworkStream(channel.Socket, ownsSocket: false);
    }

    /// <summary>Both directions.</summary>
    public Stream Stream { get; }

    /// <summary>The connection itself, for callers that copy with large buffers of their own.</summary>
    public Socket Socket => _channel.Socket;

    /// <summary>Ends the input; output goes on. Harmless when the other side has gone.</summary>
    public void CloseInput()
    {
        try
        {
            _channel.Socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.NotConnected or SocketError.Shutdown)
        {
            // The process has ended and the shim has closed the stream: there is no input left to end.
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Stream.DisposeAsync().ConfigureAwait(false);
        _channel.Dispose();
    }
}
