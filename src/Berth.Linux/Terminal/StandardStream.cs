using System.Runtime.InteropServices;

namespace Berth.Linux.Terminal;

/// <summary>
/// A process's standard descriptor as an unbuffered stream of read(2) and write(2). Unlike FileStream it keeps no position of its own, so two
/// descriptors that share one open file (<c>&gt;file 2&gt;&amp;1</c>) append to each other; unlike Console it neither encodes nor touches the terminal.
/// Disposing it leaves the descriptor open.
/// </summary>
public sealed unsafe partial class StandardStream : Stream
{
    private const short POLLIN = 1, POLLOUT = 4;

    private readonly int fd;

    /// <param name="fd">0, 1 or 2.</param>
    public StandardStream(int fd) => this.fd = fd;

    public override bool CanRead => fd == 0;

    public override bool CanSeek => false;

    public override bool CanWrite => fd != 0;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Waits for at least one byte; 0 at the end of the input.</summary>
    /// <exception cref="LinuxException">What read(2) says.</exception>
    public override int Read(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                nint count = read(fd, start, (nuint)buffer.Length);
                if (count >= 0)
                    return (int)count;

                WaitAfterError("read", POLLIN);
            }
        }
    }

    /// <summary>Writes everything.</summary>
    /// <exception cref="LinuxException">EPIPE when the reader is gone, ENOSPC and others.</exception>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            nint done = 0;
            while (done < buffer.Length)
            {
                nint count = write(fd, start + done, (nuint)(buffer.Length - done));
                if (count >= 0)
                    done += count;
                else
                    WaitAfterError("write", POLLOUT);
            }
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        // Nothing is held back.
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Returns when the call may be repeated: it was interrupted, or the descriptor (set non-blocking by someone else) is ready.</summary>
    private void WaitAfterError(string call, short events)
    {
        switch ((Errno)Marshal.GetLastPInvokeError())
        {
            case Errno.EINTR:
                return;
            case Errno.EAGAIN:
                long entry = (uint)fd | ((long)events << 32);
                _ = poll(&entry, 1, -1);
                return;
            default:
                throw LinuxException.Last(call, "descriptor " + fd);
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int fd, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, byte* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(long* entries, nuint count, int timeout);
}
