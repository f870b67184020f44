using System.Buffers;
using System.IO.Compression;

namespace Berth.Storage.Layers;

/// <summary>
/// Packs with gzip on several processors: blocks of 1 MiB, each a member of its own (RFC 1952, section 2.2), so that what comes out depends neither on how many
/// processors there are nor on how the input is read.
/// </summary>
internal static class GzipPacker
{
    private const int BlockSize = 1 << 20;
    private const int MaxWorkers = 8;

    // What does not shrink is stored with 5 bytes for each 16 KiB or more; the rest is the member's frame.
    private const int MaxPacked = BlockSize + (BlockSize >> 10) + 256;

    // Of level 6, which docker packs with, it has half the time and 4 % more bytes on a folder of programs and libraries.
    private static readonly ZLibCompressionOptions PackLevel = new() { CompressionLevel = 3 };

    // What is packed already (media, archives, libraries in wheels and jars) would cost the most time and gain nothing.
    private static readonly ZLibCompressionOptions StoreLevel = new() { CompressionLevel = 0 };
    private static readonly ZLibCompressionOptions TryLevel = new() { CompressionLevel = 1 };
    private const int Samples = 4;
    private const int SampleSize = 8 << 10;
    private const double LeastGain = 0.03;

    /// <summary>Reads the input to its end; on the calling thread, with workers of its own.</summary>
    /// <param name="input">What is packed.</param>
    /// <param name="output">Written in order by the calling thread.</param>
    /// <param name="progress">Told how many bytes of the input are packed; null for nobody.</param>
    /// <param name="cancellationToken">Ends it between two blocks.</param>
    public static void Pack(Stream input, Stream output, Action<long>? progress, CancellationToken cancellationToken)
    {
        int workers = Math.Clamp(Environment.ProcessorCount, 1, MaxWorkers) + 1; // one more waits while the first is being written
        Queue<Task<Member>> running = new(workers);
        long done = 0;
        try
        {
            bool isEnd = false;
            while (!isEnd || running.Count > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!isEnd && running.Count < workers)
                {
                    byte[] block = ArrayPool<byte>.Shared.Rent(BlockSize);
                    int count = input.ReadAtLeast(block.AsSpan(0, BlockSize), BlockSize, throwOnEndOfStream: false);
                    isEnd = count < BlockSize;
                    if (count > 0 || (done == 0 && running.Count == 0)) // nothing is packed as one member too
                    {
                        // Not in the pool's threads, where requests would wait for them.
                        running.Enqueue(Task.Factory.StartNew(() => Member.Of(block, count), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default));
                    }

                    continue;
                }

                Member member = running.Dequeue().GetAwaiter().GetResult();
                output.Write(member.Packed, 0, member.Length);
                ArrayPool<byte>.Shared.Return(member.Packed); // here, as the workers' threads end, and what the pool keeps for them with them
                ArrayPool<byte>.Shared.Return(member.Block);
                done += member.Count;
                progress?.Invoke(done);
            }
        }
        finally
        {
            Task.WhenAll(running).ContinueWith(static _ => { }, TaskScheduler.Default).Wait(CancellationToken.None); // a failure is told already
        }
    }

    private readonly record struct Member(byte[] Block, int Count, byte[] Packed, int Length)
    {
        public static Member Of(byte[] block, int count)
        {
            byte[] packed = ArrayPool<byte>.Shared.Rent(MaxPacked);
            using MemoryStream output = new(packed);
            Write(output, Shrinks(block.AsSpan(0, count)) ? PackLevel : StoreLevel, block.AsSpan(0, count));
            return new Member(block, count, packed, (int)output.Position);
        }

        // By a few places of it.
        private static bool Shrinks(ReadOnlySpan<byte> block)
        {
            if (block.Length < BlockSize)
            {
                return true;
            }

            Span<byte> sample = new byte[Samples * SampleSize];
            for (int i = 0; i < Samples; i++)
            {
                block.Slice(i * (BlockSize / Samples), SampleSize).CopyTo(sample[(i * SampleSize)..]);
            }

            using MemoryStream output = new(sample.Length + SampleSize);
            Write(output, TryLevel, sample);
            return output.Length < sample.Length * (1 - LeastGain);
        }

        private static void Write(MemoryStream output, ZLibCompressionOptions options, ReadOnlySpan<byte> content)
        {
            using GZipStream gzip = new(output, options, leaveOpen: true);
            gzip.Write(content);
        }
    }
}
