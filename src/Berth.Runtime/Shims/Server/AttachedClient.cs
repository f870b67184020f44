using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;
using Berth.Linux.Sockets;

namespace Berth.Runtime.Shims.Server;

/// <summary>
/// A connection that became a stream: gets a process's output and gives it input. Holds at most <see cref="FullBytes"/> (and one read) of
/// output that the other side has not taken; then the process is slowed. The other side's disappearance frees everything at once.
/// </summary>
internal sealed class AttachedClient : LoopSource
{
    /// <summary>From this much waiting output on, the process's output is not read.</summary>
    internal const int FullBytes = 256 * 1024;

    // The end of a process is not slowed by clients; what its pipes still held fits easily.
    private const int LimitBytes = 8 * 1024 * 1024;

    private readonly EventLoop _loop;
    private readonly ProcessStreams _streams;
    private readonly FileDescriptor _socket;
    private readonly AttachStreams _wanted;
    private readonly ByteQueue _output = new();
    private bool _inputOpen;
    private bool _outputOpen = true;
    private bool _finishing;
    private bool _hungUp;

    internal AttachedClient(EventLoop loop, ProcessStreams streams, FileDescriptor socket, AttachStreams wanted)
    {
        _loop = loop;
        _streams = streams;
        _socket = socket;
        _wanted = wanted;
        _inputOpen = wanted.HasFlag(AttachStreams.Stdin);
        UnixSocket.SetSendBuffer(socket.Number, FullBytes);
        loop.Add(this, socket.Number, PollEvents.None);
    }

    /// <summary>Whether the process's output must wait for this client.</summary>
    internal bool IsFull => _output.Length >= FullBytes;

    internal bool Wants(bool isError) => _outputOpen && _wanted.HasFlag(isError ? AttachStreams.Stderr : AttachStreams.Stdout);

    /// <summary>Sends or queues output.</summary>
    internal void Send(ReadOnlySpan<byte> bytes)
    {
        if (_output.Length == 0 && !TrySend(ref bytes))
            return;
        if (bytes.Length == 0)
            return;

        if (_output.Length + bytes.Length > LimitBytes)
        {
            CloseOutput();
            return;
        }

        _output.Append(bytes);
        UpdateInterest();
    }

    /// <summary>No more output comes: closes the connection as soon as everything was taken.</summary>
    internal void Finish()
    {
        _finishing = true;
        _inputOpen = false;
        if (_output.Length == 0)
            Close();
        else
            UpdateInterest();
    }

    /// <summary>To be called whenever the process can take input again, or cannot any more.</summary>
    internal void UpdateInterest()
    {
        if (Number < 0)
            return;
        if (!_outputOpen && !_streams.MayAcceptInput)
        {
            Close();
            return;
        }

        bool reading = _inputOpen && _streams.AcceptsInput;
        PollEvents interest = (reading ? PollEvents.In : PollEvents.None) | (_output.Length > 0 ? PollEvents.Out : PollEvents.None);
        if (_hungUp && interest == PollEvents.None)
            _loop.Park(this); // a hang-up is reported again and again
        else
            _loop.SetInterest(this, interest);
    }

    internal override void OnReady(PollEvents events)
    {
        if ((events & (PollEvents.HangUp | PollEvents.Error)) != PollEvents.None)
        {
            _hungUp = true;
            CloseOutput();
            if (Number < 0)
                return;
        }

        if ((events & PollEvents.Out) != PollEvents.None && _output.Length > 0)
            SendWaiting();
        if (Number >= 0 && _inputOpen && _streams.AcceptsInput && (events & (PollEvents.In | PollEvents.HangUp | PollEvents.Error)) != PollEvents.None)
            ReadInput();
        if (Number >= 0)
            UpdateInterest();
    }

    internal override void OnFailure(Exception exception) => Close();

    /// <summary>Ends the connection now.</summary>
    internal void Close()
    {
        if (Number < 0)
            return;
        _loop.Remove(this);
        UnixSocket.ShutDown(_socket.Number);
        _socket.Dispose();
        _output.Clear();
        bool hadInput = _inputOpen;
        _inputOpen = _outputOpen = false;
        _streams.OnClientGone(this, hadInput);
    }

    private void SendWaiting()
    {
        ReadOnlySpan<byte> waiting = _output.Waiting;
        int before = waiting.Length;
        if (!TrySend(ref waiting))
            return;
        _output.Remove(before - waiting.Length);
        if (before >= FullBytes && !IsFull)
            _streams.OnClientDrained();
        if (_finishing && _output.Length == 0)
            Close();
    }

    // False when the other side is gone, and then this client may be closed.
    private bool TrySend(ref ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            Errno errno = UnixSocket.TrySend(_socket.Number, bytes, out int count);
            if (errno == Errno.EAGAIN)
                return true;
            if (errno != Errno.None)
            {
                CloseOutput();
                return false;
            }

            bytes = bytes[count..];
        }

        return true;
    }

    private void CloseOutput()
    {
        bool wasFull = IsFull;
        _outputOpen = false;
        _output.Clear();
        if (!_inputOpen || !_streams.MayAcceptInput)
            Close();
        else
            UpdateInterest();
        if (wasFull)
            _streams.OnClientDrained();
    }

    private void ReadInput()
    {
        Span<byte> buffer = _streams.InputBuffer;
        Errno errno = DescriptorIo.TryRead(_socket.Number, buffer, out int count);
        if (errno == Errno.EAGAIN)
            return;
        if (errno == Errno.None && count > 0)
        {
            _streams.OnInput(buffer[..count]);
            return;
        }

        _inputOpen = false;
        _streams.OnInputEnded();
        if (!_outputOpen || _hungUp)
            Close();
    }
}
