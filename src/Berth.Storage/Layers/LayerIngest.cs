using System.Buffers;
using System.IO.Compression;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using Berth.Linux;
using Berth.Model;
using Berth.Storage.Content;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Layers;

/// <summary>A layer that was received, hashed and unpacked, not yet published.</summary>
/// <param name="DiffId">Digest of the uncompressed archive.</param>
/// <param name="Blob">Digest of the bytes as received.</param>
/// <param name="BlobSize">Bytes as received.</param>
/// <param name="Compression">How they are packed.</param>
/// <param name="Size">The unpacked size as docker counts it.</param>
internal sealed record IngestedLayer(Digest DiffId, Digest Blob, long BlobSize, Compression Compression, long Size);

/// <summary>
/// One pass over an incoming archive: the caller's task receives, stores and hashes; a second thread inflates and hashes again where that is
/// needed; a last one unpacks. At most 2 MiB wait between two of them.
/// </summary>
internal static class LayerIngest
{
    /// <summary>Reads <paramref name="input"/> to its end into <paramref name="blob"/> and <paramref name="draft"/>; both are for the caller to publish or dispose.</summary>
    /// <exception cref="EngineException">As of <see cref="ILayerDraft.Unpack"/>; NotImplemented for an unread compression; Internal when the disk refuses.</exception>
    public static async Task<IngestedLayer> RunAsync(Stream input, ContentWriter blob, ILayerDraft draft, TarLimits limits, CancellationToken cancellationToken)
    {
        using BlockPipe received = new();
        byte[] first = await received.RentAsync(cancellationToken);
        int count = await input.ReadAtLeastAsync(first, CompressionFormat.MagicLength, throwOnEndOfStream: false, cancellationToken);
        Compression compression = CompressionFormat.Detect(first.AsSpan(0, count));

        using BlockPipe inflated = new();
        Task<Digest>? inflating = compression == Compression.Gzip ? OnThread(() => Inflate(received, inflated)) : null;
        BlockPipe archive = inflating is null ? received : inflated;
        Task<long> unpacking = OnThread(() => Unpack(archive, draft, limits));
        Exception? sending = await ReceiveAsync(input, received, blob, first, count, cancellationToken);

        Exception? unpackError = await OutcomeAsync(unpacking);
        received.Abandon();
        Exception? inflateError = inflating is null ? null : await OutcomeAsync(inflating);

        // A stage that fails makes its neighbours fail; the cause is the earliest that was not merely told to stop.
        Exception? error = sending ?? (inflateError is OperationCanceledException ? null : inflateError) ?? unpackError;
        if (error is not null)
        {
            ExceptionDispatchInfo.Throw(error);
        }

        Digest blobDigest = blob.Finish();
        return new IngestedLayer(inflating is null ? blobDigest : await inflating, blobDigest, blob.Length, compression, await unpacking);
    }

    private static Task<T> OnThread<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    // Returns what went wrong instead of throwing, so that the other stages are always awaited; they get the same news through the pipe.
    private static async Task<Exception?> ReceiveAsync(Stream input, BlockPipe pipe, ContentWriter blob, byte[] first, int count, CancellationToken cancellationToken)
    {
        try
        {
            byte[] block = first;
            while (count > 0)
            {
                blob.Write(block.AsSpan(0, count));
                pipe.Push(block, count);
                block = await pipe.RentAsync(cancellationToken);
                count = await input.ReadAsync(block, cancellationToken);
            }

            ArrayPool<byte>.Shared.Return(block);
            pipe.Complete();
            return null;
        }
        catch (OperationCanceledException) when (pipe.IsAbandoned)
        {
            pipe.Complete();
            return null;
        }
        catch (LinuxException e)
        {
            pipe.Complete(e);
            return new EngineException(ErrorKind.Internal, $"the archive cannot be stored: {e.Message}", e);
        }
        catch (Exception e)
        {
            pipe.Complete(e);
            return e;
        }
    }

    private static Digest Inflate(BlockPipe from, BlockPipe to)
    {
        try
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            using GZipStream gzip = new(new GzipEnd(from.Reader), CompressionMode.Decompress);
            while (true)
            {
                byte[] block = to.Rent();
                int count = gzip.ReadAtLeast(block, block.Length, throwOnEndOfStream: false);
                if (count == 0)
                {
                    ArrayPool<byte>.Shared.Return(block);
                    break;
                }

                hash.AppendData(block, 0, count);
                to.Push(block, count);
            }

            // What follows the compressed data belongs to the blob, though not to the layer.
            byte[] rest = to.Rent();
            while (from.Reader.Read(rest) > 0)
            {
            }

            ArrayPool<byte>.Shared.Return(rest);
            to.Complete();
            return Digest.FromHash(hash.GetHashAndReset());
        }
        catch (InvalidDataException e)
        {
            EngineException error = new(ErrorKind.InvalidArgument, $"the archive's gzip data is damaged or truncated: {e.Message}", e);
            to.Complete(error);
            throw error;
        }
        catch (Exception e)
        {
            to.Complete(e);
            throw;
        }
        finally
        {
            from.Abandon();
        }
    }

    private static long Unpack(BlockPipe from, ILayerDraft draft, TarLimits limits)
    {
        try
        {
            return draft.Unpack(from.Reader, limits);
        }
        finally
        {
            from.Abandon();
        }
    }

    private static async Task<Exception?> OutcomeAsync(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return task.IsCanceled ? new OperationCanceledException() : task.Exception?.InnerException;
    }
}
