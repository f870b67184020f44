using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Shims.Server;

/// <summary>The writing side of a process's standard input: a pipe's end, or a second descriptor of a pty's master.</summary>
internal sealed class StdinWriter : LoopSource
{
    private readonly EventLoop _loop;
    private readonly FileDescriptor _descriptor;
    private readonly Action _changed;
    private readonly ByteQueue _waiting = new();
    private bool _closing;

    /// <param name="descriptor">Owned from now on; made non-blocking.</param>
    /// <param name="changed">Called when the process can take input again, or cannot any more.</param>
    internal StdinWriter(EventLoop loop, FileDescriptor descriptor, Action changed)
    {
        _loop = loop;
        _descriptor = descriptor;
        _changed = changed;
        DescriptorIo.SetNonBlocking(descriptor.Number);
        loop.Add(this, descriptor.Number, PollEvents.None);
    }

    internal bool IsOpen => Number >= 0 && !_closing;

    internal bool IsBusy => _waiting.Length > 0;

    internal void Write(ReadOnlySpan<byte> bytes)
    {
        if (!IsOpen)
            return; // the process closed its input: what comes goes nowhere, as with a pipe in a shell
        _waiting.Append(bytes);
        WriteWaiting();
    }

    /// <summary>Closes it after everything waiting was written.</summary>
    internal void CloseAfterWaiting()
    {
        _closing = true;
        if (!IsBusy)
            Close();
    }

    internal void Close()
    {
        if (Number < 0)
            return;
        _loop.Remove(this);
        _descriptor.Dispose();
        _waiting.Clear();
        _changed();
    }

    internal override void OnReady(PollEvents events)
    {
        if (IsBusy && (events & PollEvents.Out) != PollEvents.None)
            WriteWaiting();
        else if ((events & (PollEvents.Error | PollEvents.HangUp)) != PollEvents.None)
            Close(); // nobody reads it any more
    }

    internal override void OnFailure(Exception exception) => Close();

    private void WriteWaiting()
    {
        bool wasBusy = (Interest & PollEvents.Out) != PollEvents.None;
        while (IsBusy)
        {
            Errno errno = DescriptorIo.TryWrite(Number, _waiting.Waiting, out int count);
            if (errno == Errno.EAGAIN)
                break;
            if (errno != Errno.None)
            {
                Close();
                return;
            }

            _waiting.Remove(count);
        }

        if (_closing && !IsBusy)
        {
            Close();
            return;
        }

        _loop.SetInterest(this, IsBusy ? PollEvents.Out : PollEvents.None);
        if (wasBusy != IsBusy)
            _changed();
    }
}
