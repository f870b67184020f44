using System.Net.Sockets;
using System.Runtime.InteropServices;
using Berth.Linux.Sockets;
using Berth.Runtime.Shims.Protocol;

namespace Berth.Runtime.Shims;

/// <summary>Frames over a socket, on the daemon's side. Sending is for one caller at a time, and so is receiving.</summary>
internal sealed class FrameChannel(Socket socket) : IDisposable
{
    private const int SOL_SOCKET = 1, SO_PEERCRED = 17;
    private readonly byte[] _header = new byte[FrameHeader.Bytes];

    internal Socket Socket { get; } = socket;

    /// <summary>Connects and says Hello; null when nobody listens there.</summary>
    /// <exception cref="ShimException">The listener is another user's, or speaks another version.</exception>
    internal static async Task<FrameChannel?> ConnectAsync(string socketPath, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var channel = new FrameChannel(socket);
        try
        {
            await ConnectAsync(socket, socketPath, cancellationToken).ConfigureAwait(false);
            _ = CheckPeer(socket, socketPath);
            Reply reply = await channel.CallAsync(FrameType.Hello, new FrameBuilder().UInt16(FrameHeader.Version), cancellationToken).ConfigureAwait(false);
            reply.Expect(FrameType.Ok);
            return channel;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable || e.ErrorCode == 2)
        {
            channel.Dispose();
            return null;
        }
        catch
        {
            channel.Dispose();
            throw;
        }
    }

    // Where as many wait as may, the shim takes none: it is busy, or stands still.
    private static async Task ConnectAsync(Socket socket, string socketPath, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
            {
                await Task.Delay(50, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// One request and its reply, while nothing else is asked on the connection. Events that come before the reply are passed over: the shim tells them to
    /// every connection that has said hello, also to one that is about to become a stream.
    /// </summary>
    internal async Task<Reply> CallAsync(FrameType type, FrameBuilder payload, CancellationToken cancellationToken)
    {
        await SendAsync(payload.Build(type, 1), cancellationToken).ConfigureAwait(false);
        while (await ReceiveAsync(cancellationToken).ConfigureAwait(false) is { } reply)
        {
            if (reply.Header.RequestId != 0)
                return reply;
        }

        throw new ShimException(ShimFailure.ConnectionLost, "the shim closed the connection");
    }

    internal async Task SendAsync(ReadOnlyMemory<byte> frame, CancellationToken cancellationToken)
    {
        while (frame.Length > 0)
            frame = frame[await Socket.SendAsync(frame, cancellationToken).ConfigureAwait(false)..];
    }

    /// <summary>The next frame; null at the end of the connection.</summary>
    /// <exception cref="ProtocolException">The shim broke the protocol.</exception>
    internal async Task<Reply?> ReceiveAsync(CancellationToken cancellationToken)
    {
        if (!await FillAsync(_header, cancellationToken).ConfigureAwait(false))
            return null;
        FrameHeader header = FrameHeader.Read(_header);
        byte[] payload = new byte[header.Length];
        return await FillAsync(payload, cancellationToken).ConfigureAwait(false) ? new Reply(header, payload) : null;
    }

    public void Dispose() => Socket.Dispose();

    private async Task<bool> FillAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (buffer.Length > 0)
        {
            int count = await Socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (count == 0)
                return false;
            buffer = buffer[count..];
        }

        return true;
    }

    /// <summary>The process at the other end.</summary>
    /// <exception cref="ShimException">It is another user's.</exception>
    internal static int CheckPeer(Socket socket, string socketPath)
    {
        Span<byte> credential = stackalloc byte[12];
        _ = socket.GetRawSocketOption(SOL_SOCKET, SO_PEERCRED, credential);
        uint uid = MemoryMarshal.Read<uint>(credential[4..]);
        if (uid != UnixSocket.OwnUid())
            throw new ShimException(ShimFailure.Host, $"{socketPath} belongs to user {uid}, not to {UnixSocket.OwnUid()}");
        return MemoryMarshal.Read<int>(credential);
    }
}

/// <summary>A frame that came from a shim.</summary>
internal sealed record Reply(FrameHeader Header, byte[] Payload)
{
    /// <exception cref="ShimException">The frame is an Error, which is thrown, or not of the wanted type.</exception>
    internal void Expect(FrameType type)
    {
        if (Header.Type == type)
            return;
        if (Header.Type != FrameType.Error)
            throw new ShimException(ShimFailure.Host, $"the shim answered {Header.Type} where {type} was expected");
        var reader = new PayloadReader(Payload);
        var failure = (ShimFailure)reader.ReadUInt16();
        throw new ShimException(failure, reader.ReadString());
    }
}
