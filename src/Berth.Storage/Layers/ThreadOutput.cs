using System.Buffers;
using System.Threading.Channels;

namespace Berth.Storage.Layers;

/// <summary>Work that writes synchronously, on a thread of its own, into an output that is written asynchronously. At most 2 MiB wait in between.</summary>
internal static class ThreadOutput
{
    private const int BlockSize = 256 << 10;
    private const int Depth = 8;

    /// <summary>Runs <paramref name="produce"/> and writes what it gives. When the output fails or the token says so, the producer's next write throws.</summary>
    public static async Task RunAsync(Action<Stream> produce, Stream output, CancellationToken cancellationToken)
    {
        Channel<ArraySegment<byte>> blocks = Channel.CreateBounded<ArraySegment<byte>>(new BoundedChannelOptions(Depth) { SingleReader = true, SingleWriter = true });
        using CancellationTokenSource stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task producer = Task.Factory.StartNew(() => Produce(produce, blocks.Writer, stopping.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            await foreach (ArraySegment<byte> block in blocks.Reader.ReadAllAsync(cancellationToken))
            {
                await output.WriteAsync(block, cancellationToken);
                ArrayPool<byte>.Shared.Return(block.Array!);
            }
        }
        finally
        {
            await stopping.CancelAsync();
            await producer.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await producer;
    }

    private static void Produce(Action<Stream> produce, ChannelWriter<ArraySegment<byte>> blocks, CancellationToken cancellationToken)
    {
        Exception? error = null;
        try
        {
            using BlockWriter writer = new(blocks, cancellationToken);
            produce(writer);
            writer.Flush();
        }
        catch (Exception e)
        {
            error = e;
            throw;
        }
        finally
        {
            blocks.TryComplete(error);
        }
    }

    private sealed class BlockWriter(ChannelWriter<ArraySegment<byte>> blocks, CancellationToken cancellationToken) : Stream
    {
        private byte[]? current;
        private int filled;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            while (!buffer.IsEmpty)
            {
                current ??= ArrayPool<byte>.Shared.Rent(BlockSize);
                int count = Math.Min(buffer.Length, current.Length - filled);
                buffer[..count].CopyTo(current.AsSpan(filled));
                filled += count;
                buffer = buffer[count..];
                if (filled == current.Length)
                {
                    Flush();
                }
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
            if (current is { } block && filled > 0)
            {
                ValueTask waiting = blocks.WriteAsync(new ArraySegment<byte>(block, 0, filled), cancellationToken);
                if (!waiting.IsCompletedSuccessfully)
                {
                    waiting.AsTask().GetAwaiter().GetResult(); // the thread is this producer's alone
                }

                current = null;
                filled = 0;
            }
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
