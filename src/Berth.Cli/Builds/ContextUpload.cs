using System.IO.Compression;
using Berth.Api;
using Berth.Cli.Terminal;

namespace Berth.Cli.Builds;

/// <summary>Writes a context to the daemon, and tells how much it was as the stock CLI does: on a terminal while it is sent, elsewhere at the end.</summary>
internal sealed class ContextUpload(Action<Stream> write, TextOutput output, ProgressDisplay? display)
{
    private const string Action = "Sending build context to Docker daemon"; // the stock CLI's words, which scripts look for
    private const long TellEvery = 512 * 1024;

    /// <summary>Whether the stream is packed with gzip.</summary>
    public bool Packs { get; init; }

    /// <summary>What went wrong while the context was read; the request broke by it.</summary>
    public Exception? Problem { get; private set; }

    /// <summary>Writes it, once.</summary>
    public void Write(Stream target)
    {
        var counted = new CountedStream(target, count => Tell(count, isLast: false));
        try
        {
            if (Packs)
            {
                using var packed = new GZipStream(counted, CompressionLevel.Fastest, leaveOpen: true);
                write(packed);
            }
            else
            {
                write(counted);
            }
        }
        catch (Exception exception) when (!counted.IsBroken)
        {
            Problem = exception; // of the source, not of the connection
            throw;
        }

        Tell(counted.Count, isLast: true);
    }

    private void Tell(long count, bool isLast)
    {
        if (display is not null)
            display.Show(new JsonMessage { Status = Action, ProgressDetail = new JsonProgress { Current = count } });

        if (isLast)
        {
            output.Write(display is null ? $"{Action} {ProgressBar.Render(new JsonProgress { Current = count }, 0, default)}\r\r\n" : "\n");
            output.Flush();
        }
    }

    private sealed class CountedStream(Stream target, Action<long> tell) : Stream
    {
        private long told;

        public long Count { get; private set; }

        /// <summary>Whether the other side takes no more.</summary>
        public bool IsBroken { get; private set; }

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            try
            {
                target.Write(buffer);
            }
            catch
            {
                IsBroken = true;
                throw;
            }

            Count += buffer.Length;
            if (Count - told >= TellEvery)
                tell(told = Count);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() => target.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
