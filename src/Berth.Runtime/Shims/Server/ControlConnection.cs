using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;
using Berth.Linux.Sockets;
using Berth.Runtime.Shims.Protocol;

namespace Berth.Runtime.Shims.Server;

/// <summary>A connection that carries frames, until it ends or becomes a stream.</summary>
internal sealed class ControlConnection : LoopSource
{
    // A peer that does not read its replies is dropped before it costs more than this.
    private const int MaxWaitingBytes = 4 * FrameHeader.MaxPayload;

    private readonly EventLoop _loop;
    private readonly ShimServer _server;
    private readonly FileDescriptor _socket;
    private readonly ByteQueue _output = new();
    private byte[] _input = new byte[512];
    private int _inputBytes;
    private bool _surrendered;

    /// <param name="socket">Owned from now on; made non-blocking.</param>
    /// <param name="greeted">Whether the peer need not say Hello: it was there first.</param>
    internal ControlConnection(EventLoop loop, ShimServer server, FileDescriptor socket, bool greeted)
    {
        _loop = loop;
        _server = server;
        _socket = socket;
        IsGreeted = greeted;
        DescriptorIo.SetNonBlocking(socket.Number);
        loop.Add(this, socket.Number, PollEvents.In);
    }

    /// <summary>Whether the protocol's version was agreed on.</summary>
    internal bool IsGreeted { get; set; }

    internal void Reply(uint requestId, FrameType type, FrameBuilder payload) => Send(payload.Build(type, requestId).Span);

    internal void ReplyOk(uint requestId) => Reply(requestId, FrameType.Ok, new FrameBuilder());

    internal void ReplyError(uint requestId, ShimFailure failure, string message)
    {
        string text = message.Length > 8000 ? message[..8000] : message;
        Reply(requestId, FrameType.Error, new FrameBuilder().UInt16((ushort)failure).String(text));
    }

    internal void Send(ReadOnlySpan<byte> bytes)
    {
        if (Number < 0)
            return;
        if (_output.Length + bytes.Length > MaxWaitingBytes)
        {
            Close();
            return;
        }

        _output.Append(bytes);
        SendWaiting();
    }

    /// <summary>Gives the socket away to become a stream; null when the peer did not wait for the answer, or does not read.</summary>
    internal FileDescriptor? Surrender()
    {
        if (_inputBytes > 0 || _output.Length > 0 || Number < 0)
            return null;
        _loop.Remove(this);
        _surrendered = true;
        _server.OnConnectionClosed(this);
        return _socket;
    }

    internal void Close()
    {
        if (Number < 0)
            return;
        _loop.Remove(this);
        UnixSocket.ShutDown(_socket.Number);
        _socket.Dispose();
        _output.Clear();
        _server.OnConnectionClosed(this);
    }

    internal override void OnReady(PollEvents events)
    {
        if ((events & PollEvents.Out) != PollEvents.None)
            SendWaiting();
        if (Number >= 0 && (events & ~PollEvents.Out) != PollEvents.None)
            Receive();
    }

    internal override void OnFailure(Exception exception) => Close();

    private void Receive()
    {
        if (_inputBytes == _input.Length)
            Array.Resize(ref _input, Math.Min(_input.Length * 2, FrameHeader.Bytes + FrameHeader.MaxPayload));
        Errno errno = DescriptorIo.TryRead(_socket.Number, _input.AsSpan(_inputBytes), out int count);
        if (errno == Errno.EAGAIN)
            return;
        if (errno != Errno.None || count == 0)
        {
            Close();
            return;
        }

        _inputBytes += count;
        HandleFrames();
    }

    private void HandleFrames()
    {
        while (_inputBytes >= FrameHeader.Bytes && Number >= 0)
        {
            FrameHeader header = FrameHeader.Read(_input);
            int total = FrameHeader.Bytes + header.Length;
            if (_inputBytes < total)
                return;

            byte[] payload = _input.AsSpan(FrameHeader.Bytes, header.Length).ToArray();
            _inputBytes -= total;
            _input.AsSpan(total, _inputBytes).CopyTo(_input);
            if (_inputBytes == 0 && _input.Length > 4096)
                _input = new byte[512];
            _server.Handle(this, header, payload);
        }
    }

    private void SendWaiting()
    {
        while (_output.Length > 0)
        {
            Errno errno = UnixSocket.TrySend(_socket.Number, _output.Waiting, out int count);
            if (errno == Errno.EAGAIN)
                break;
            if (errno != Errno.None)
            {
                Close();
                return;
            }

            _output.Remove(count);
        }

        if (!_surrendered)
            _loop.SetInterest(this, PollEvents.In | (_output.Length > 0 ? PollEvents.Out : PollEvents.None));
    }
}

/// <summary>Accepts connections of the shim's own user.</summary>
internal sealed class ConnectionListener(EventLoop loop, ShimServer server, FileDescriptor listener) : LoopSource
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    internal void Begin() => loop.Add(this, listener.Number, PollEvents.In);

    internal void Close()
    {
        loop.Remove(this);
        listener.Dispose();
    }

    internal override void OnReady(PollEvents events)
    {
        while (UnixSocket.Accept(listener) is { } socket)
        {
            if (UnixSocket.Peer(socket.Number).Uid == UnixSocket.OwnUid())
                server.OnConnected(new ControlConnection(loop, server, socket, greeted: false));
            else
                socket.Dispose();
        }
    }

    // No descriptors are left: those who wait are taken later.
    internal override void OnFailure(Exception exception)
    {
        loop.Park(this);
        loop.After(s_pause, () => loop.SetInterest(this, PollEvents.In));
    }
}

/// <summary>A connection that is told when the log grows.</summary>
internal sealed class LogFollower : LoopSource
{
    private readonly EventLoop _loop;
    private readonly FileDescriptor _socket;
    private readonly Action<LogFollower> _closed;

    internal LogFollower(EventLoop loop, FileDescriptor socket, Action<LogFollower> closed)
    {
        _loop = loop;
        _socket = socket;
        _closed = closed;
        loop.Add(this, socket.Number, PollEvents.PeerClosed);
    }

    /// <summary>Sends a byte unless one still waits to be read: whoever reads it looks at the file after that, and sees this growth too.</summary>
    internal void Notify()
    {
        if (!UnixSocket.IsDrained(_socket.Number))
            return;
        Errno errno = UnixSocket.TrySend(_socket.Number, "+"u8, out _);
        if (errno is not (Errno.None or Errno.EAGAIN))
            Close();
    }

    internal void Close()
    {
        if (Number < 0)
            return;
        _loop.Remove(this);
        UnixSocket.ShutDown(_socket.Number);
        _socket.Dispose();
        _closed(this);
    }

    internal override void OnReady(PollEvents events) => Close();

    internal override void OnFailure(Exception exception) => Close();
}
