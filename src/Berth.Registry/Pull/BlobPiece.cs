namespace Berth.Registry.Pull;

/// <summary>The buffers for pieces that are fetched ahead: a fixed amount of memory for a whole client. Safe for concurrent use.</summary>
internal sealed class RangeBuffers(RegistryOptions options)
{
    private readonly int most = (int)(options.RangeMemory / options.RangeSize);
    private readonly Stack<byte[]> free = new();
    private readonly Lock gate = new();
    private int rented;

    /// <summary>The most that were rented at once.</summary>
    public int Peak { get; private set; }

    /// <summary>How many are in use.</summary>
    public int Rented
    {
        get
        {
            lock (gate)
            {
                return rented;
            }
        }
    }

    /// <summary>A buffer of the size of a range, or null when all are in use.</summary>
    public byte[]? TryRent()
    {
        lock (gate)
        {
            if (rented >= most)
            {
                return null;
            }

            rented++;
            Peak = Math.Max(Peak, rented);
            return free.TryPop(out byte[]? buffer) ? buffer : GC.AllocateUninitializedArray<byte>((int)options.RangeSize);
        }
    }

    /// <summary>Takes one back; when none is in use any more the memory is let go.</summary>
    public void Return(byte[] buffer)
    {
        lock (gate)
        {
            rented--;
            if (rented == 0)
            {
                free.Clear();
            }
            else
            {
                free.Push(buffer);
            }
        }
    }
}

/// <summary>A piece of a blob that is fetched into memory while those before it are read.</summary>
internal sealed class BlobPiece
{
    private readonly Lock gate = new();
    private readonly byte[] buffer;
    private readonly int size;
    private readonly Task fetching;
    private int filled;
    private int taken;
    private TaskCompletionSource? moved;

    /// <param name="source">The blob's places.</param>
    /// <param name="first">The piece's first byte.</param>
    /// <param name="end">The byte after its last.</param>
    /// <param name="buffer">At least as large; the piece's until <see cref="ReleaseAsync"/>.</param>
    /// <param name="cancellationToken">Ends the fetching.</param>
    public BlobPiece(BlobSource source, long first, long end, byte[] buffer, CancellationToken cancellationToken)
    {
        this.buffer = buffer;
        size = (int)(end - first);
        fetching = FetchAsync(new ResumingReader(source, first, end, null), cancellationToken);
    }

    /// <summary>Whether all its bytes were taken.</summary>
    public bool IsDone => taken == size;

    /// <summary>Takes at least one byte, waiting for it; none when <see cref="IsDone"/>.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> target, CancellationToken cancellationToken)
    {
        while (!IsDone)
        {
            Task change;
            lock (gate)
            {
                int count = Math.Min(filled - taken, target.Length);
                if (count > 0)
                {
                    buffer.AsSpan(taken, count).CopyTo(target.Span);
                    taken += count;
                    return count;
                }

                moved ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                change = moved.Task;
            }

            if (await Task.WhenAny(change, fetching).WaitAsync(cancellationToken) == fetching)
            {
                await fetching;
            }
        }

        return 0;
    }

    /// <summary>Waits until nothing writes into the buffer any more and gives it back; its failure, if it has one, is nobody's any more.</summary>
    public async Task ReleaseAsync(RangeBuffers buffers)
    {
        await fetching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        buffers.Return(buffer);
    }

    private async Task FetchAsync(ResumingReader reader, CancellationToken cancellationToken)
    {
        await Task.Yield();
        using (reader)
        {
            while (filled < size)
            {
                int count = await reader.ReadAsync(buffer.AsMemory(filled, size - filled), cancellationToken);
                lock (gate)
                {
                    filled += count;
                    moved?.TrySetResult();
                    moved = null;
                }
            }
        }
    }
}
