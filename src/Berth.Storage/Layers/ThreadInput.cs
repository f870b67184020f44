using Berth.Model;

namespace Berth.Storage.Layers;

/// <summary>Work that reads synchronously, on a thread of its own, from an input that is read asynchronously; unpacked on the way, whatever it is packed with.</summary>
internal static class ThreadInput
{
    /// <summary>How much is read before it is handed on. A request's body comes in pieces of 64 KiB at most; to wake the other thread for each would cost more than all else.</summary>
    public const int SmallestRead = 192 << 10;

    /// <summary>Runs <paramref name="use"/> on the unpacked bytes of <paramref name="input"/>; what it leaves unread is read and dropped.</summary>
    /// <exception cref="EngineException">InvalidArgument for damaged compression; Unavailable for a missing library; what <paramref name="use"/> throws.</exception>
    public static async Task RunAsync(Stream input, Action<Stream> use, CancellationToken cancellationToken)
    {
        using BlockPipe pipe = new();
        byte[] block = await pipe.RentAsync(cancellationToken);
        int count = await input.ReadAtLeastAsync(block, CompressionFormat.MagicLength, throwOnEndOfStream: false, cancellationToken);
        Compression compression = CompressionFormat.Detect(block.AsSpan(0, count));
        Task work = Task.Factory.StartNew(() => Use(pipe, compression, use), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            while (count > 0)
            {
                pipe.Push(block, count);
                block = await pipe.RentAsync(cancellationToken);
                count = await input.ReadAtLeastAsync(block, SmallestRead, throwOnEndOfStream: false, cancellationToken);
            }

            LayerIntake.Return(block);
            pipe.Complete();
        }
        catch (OperationCanceledException) when (pipe.IsAbandoned && !cancellationToken.IsCancellationRequested)
        {
            pipe.Complete();
        }
        catch (Exception e)
        {
            pipe.Complete(e);
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        await work;
    }

    private static void Use(BlockPipe pipe, Compression compression, Action<Stream> use)
    {
        try
        {
            using Stream plain = CompressionFormat.Open(compression, pipe.Reader);
            use(plain);
            byte[] rest = new byte[64 << 10];
            while (plain.Read(rest) > 0)
            {
            }
        }
        catch (Exception e) when (!ReferenceEquals(CompressionFormat.Explain(e, compression), e))
        {
            throw CompressionFormat.Explain(e, compression);
        }
        finally
        {
            pipe.Abandon();
        }
    }
}
