using System.Buffers;
using Berth.Model;

namespace Berth.Storage.Layers;

/// <summary>
/// A bounded queue of byte blocks between one asynchronous producer and one thread that reads it as a stream, so that receiving and hashing
/// overlap with inflating and writing. Each side can end it: the producer by <see cref="Complete"/>, the reader by <see cref="Abandon"/>.
/// </summary>
internal sealed class BlockPipe : IDisposable
{
    private const int BlockSize = 256 << 10;
    private const int Depth = 8;
    private readonly SemaphoreSlim free = new(Depth);
    private readonly Queue<ArraySegment<byte>> blocks = new(); // under its own lock, where the reader sleeps: a semaphore's Wait would spin first, and the producer needs the processor
    private Exception? failure;
    private bool completed; // under the blocks' lock
    private volatile bool abandoned;

    public BlockPipe() => Reader = new BlockReader(this);

    /// <summary>The reading end, for one thread.</summary>
    public Stream Reader { get; }

    /// <summary>Whether the reader wants no more.</summary>
    public bool IsAbandoned => abandoned;

    /// <summary>A block to fill once there is room; to be given back by <see cref="Push"/>.</summary>
    /// <exception cref="OperationCanceledException">The reader has abandoned, or the token says so.</exception>
    public async ValueTask<byte[]> RentAsync(CancellationToken cancellationToken)
    {
        await free.WaitAsync(cancellationToken);
        ThrowIfAbandoned();
        return ArrayPool<byte>.Shared.Rent(BlockSize);
    }

    /// <summary>The same for a producer that is a thread.</summary>
    public byte[] Rent()
    {
        free.Wait();
        ThrowIfAbandoned();
        return ArrayPool<byte>.Shared.Rent(BlockSize);
    }

    /// <summary>A block that does not wait for room: for a producer that goes on after the reader has abandoned.</summary>
    public static byte[] RentBlock() => ArrayPool<byte>.Shared.Rent(BlockSize);

    /// <summary>Passes <paramref name="count"/> bytes (more than 0) of a rented block on.</summary>
    public void Push(byte[] block, int count)
    {
        if (abandoned)
        {
            ArrayPool<byte>.Shared.Return(block);
            return;
        }

        lock (blocks)
        {
            blocks.Enqueue(new ArraySegment<byte>(block, 0, count));
            Monitor.Pulse(blocks);
        }
    }

    /// <summary>Ends the stream: after all pushed blocks the reader gets its end, or <paramref name="error"/>.</summary>
    public void Complete(Exception? error = null)
    {
        lock (blocks)
        {
            failure = error;
            completed = true;
            Monitor.Pulse(blocks);
        }
    }

    /// <summary>The reader wants no more; the producer's present or next wait is cancelled. Idempotent.</summary>
    public void Abandon()
    {
        abandoned = true;
        free.Release();
    }

    public void Dispose()
    {
        Reader.Dispose();
        free.Dispose();
    }

    private void ThrowIfAbandoned()
    {
        if (abandoned)
        {
            throw new OperationCanceledException("the pipe's reader has ended");
        }
    }

    private sealed class BlockReader(BlockPipe pipe) : ReadOnlyStream
    {
        private ArraySegment<byte> current;
        private bool ended;

        public override int Read(Span<byte> buffer)
        {
            if (buffer.IsEmpty || (current.Count == 0 && !Next()))
            {
                return 0;
            }

            int count = Math.Min(buffer.Length, current.Count);
            current.AsSpan(0, count).CopyTo(buffer);
            current = current[count..];
            if (current.Count == 0)
            {
                ArrayPool<byte>.Shared.Return(current.Array!);
                current = default;
                pipe.free.Release();
            }

            return count;
        }

        private bool Next()
        {
            if (ended)
            {
                return false;
            }

            lock (pipe.blocks)
            {
                while (pipe.blocks.Count == 0 && !pipe.completed)
                {
                    Monitor.Wait(pipe.blocks);
                }

                if (pipe.blocks.TryDequeue(out current))
                {
                    return true;
                }
            }

            ended = true;
            return pipe.failure is null ? false : throw new IOException("the archive's sender failed: " + pipe.failure.Message, pipe.failure);
        }
    }
}
