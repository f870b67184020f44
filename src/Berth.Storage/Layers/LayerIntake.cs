using System.Buffers;
using System.Diagnostics.CodeAnalysis;
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
/// <param name="TarSize">Bytes of the uncompressed archive.</param>
/// <param name="Received">Digest of the bytes as received; another than the blob's where that is kept unpacked.</param>
internal sealed record IngestedLayer(Digest DiffId, Digest Blob, long BlobSize, Compression Compression, long Size, long TarSize, Digest Received);

/// <summary>
/// One pass over an incoming layer: the caller pushes what it receives, which is stored and hashed there and then; a second thread inflates and hashes
/// again where that is needed; a last one unpacks. At most 2 MiB wait between two of them. For one producer at a time. A producer that is a
/// thread uses it as a stream. Layers packed with xz or bzip2, which image formats do not know, are stored unpacked.
/// </summary>
[SuppressMessage("Naming", "CA1710", Justification = "It is used as a writer with an outcome, not passed on as a stream.")]
internal sealed class LayerIntake : Stream
{
    private readonly ContentWriter blob;
    private readonly ILayerDraft draft;
    private readonly TarLimits limits;
    private readonly bool keepsGoing;
    private readonly BlockPipe received = new();
    private readonly BlockPipe inflated = new();
    private readonly IncrementalHash receivedHash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private Compression compression;
    private Task<(Digest Digest, long Length)>? inflating;
    private Task<long>? unpacking;
    private byte[]? current;
    private int filled;
    private bool completed;
    private Digest? receivedDigest;

    /// <param name="blob">Gets the bytes as received; the caller publishes or disposes it.</param>
    /// <param name="draft">Gets the content; the caller publishes or disposes it.</param>
    /// <param name="limits">What the archive may ask for.</param>
    /// <param name="keepsGoing">Whether the blob is to be received to its end even when it turns out not to be a layer.</param>
    public LayerIntake(ContentWriter blob, ILayerDraft draft, TarLimits limits, bool keepsGoing)
    {
        this.blob = blob;
        this.draft = draft;
        this.limits = limits;
        this.keepsGoing = keepsGoing;
    }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => blob.Length;

    /// <inheritdoc/>
    public override long Position
    {
        get => blob.Length;
        set => throw new NotSupportedException();
    }

    /// <summary>Whether nobody wants more: unpacking has failed, and the caller may stop.</summary>
    public bool IsAbandoned => received.IsAbandoned && !keepsGoing;

    /// <summary>A block to fill, once there is room.</summary>
    /// <exception cref="OperationCanceledException">Unpacking has failed (see <see cref="IsAbandoned"/>), or the token says so.</exception>
    public async ValueTask<byte[]> RentAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await received.RentAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (keepsGoing && received.IsAbandoned && !cancellationToken.IsCancellationRequested)
        {
            return BlockPipe.RentBlock();
        }
    }

    /// <summary>The same for a producer that is a thread.</summary>
    public byte[] Rent()
    {
        try
        {
            return received.Rent();
        }
        catch (OperationCanceledException) when (keepsGoing)
        {
            return BlockPipe.RentBlock();
        }
    }

    /// <summary>Stores and passes on <paramref name="count"/> bytes (more than 0) of a rented block. The first must have all of the compression's mark.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    public void Push(byte[] block, int count)
    {
        if (unpacking is null)
        {
            Start(block.AsSpan(0, count));
        }

        if (StoresUnpacked)
        {
            receivedHash.AppendData(block, 0, count);
        }
        else
        {
            Store(block.AsSpan(0, count));
        }

        received.Push(block, count);
    }

    /// <summary>Gives a rented block back unused.</summary>
    public static void Return(byte[] block) => ArrayPool<byte>.Shared.Return(block);

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            current ??= Rent();
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

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
        if (current is { } block && filled > 0)
        {
            current = null;
            Push(block, filled);
            filled = 0;
        }
    }

    /// <summary>Ends the archive, or tells the other threads that its sender failed, and waits for them. Throws what went wrong first; the sender's failure before all.</summary>
    /// <exception cref="EngineException">As of <see cref="ILayerDraft.Unpack"/>; Unavailable when a library for the compression is missing.</exception>
    public async Task<IngestedLayer> FinishAsync(Exception? sending = null)
    {
        Exception? error = await CompleteAsync(sending);
        if (error is not null)
        {
            ExceptionDispatchInfo.Throw(error);
        }

        Digest blobDigest = FinishBlob();
        (Digest diffId, long tarSize) = inflating is null || StoresUnpacked ? (blobDigest, blob.Length) : await inflating;
        return new IngestedLayer(diffId, blobDigest, blob.Length, StoresUnpacked ? Compression.None : compression, await unpacking!, tarSize, ReceivedDigest());
    }

    /// <summary>Digest of the bytes as received; after the end.</summary>
    public Digest ReceivedDigest() => StoresUnpacked ? receivedDigest ??= Digest.FromHash(receivedHash.GetHashAndReset()) : FinishBlob();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await CompleteAsync(new OperationCanceledException("the layer was given up"));
        Free();
        await base.DisposeAsync();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            CompleteAsync(new OperationCanceledException("the layer was given up")).GetAwaiter().GetResult();
            Free();
        }

        base.Dispose(disposing);
    }

    private void Free()
    {
        received.Dispose();
        inflated.Dispose();
        receivedHash.Dispose();
    }

    // Always waits for all threads; returns the cause: a stage that fails makes its neighbours fail, and the cause is the earliest that was not merely told to stop.
    private async Task<Exception?> CompleteAsync(Exception? sending)
    {
        if (completed)
        {
            return sending;
        }

        if (sending is null)
        {
            try
            {
                Flush();
            }
            catch (Exception e) when (e is EngineException or OperationCanceledException)
            {
                sending = e is OperationCanceledException ? null : e;
            }
        }

        completed = true;
        if (unpacking is null)
        {
            Start([]);
        }

        received.Complete(sending);
        Exception? unpackError = await OutcomeAsync(unpacking!);
        received.Abandon();
        Exception? inflateError = inflating is null ? null : await OutcomeAsync(inflating);
        return sending ?? (inflateError is OperationCanceledException ? null : inflateError) ?? unpackError;
    }

    private void Start(ReadOnlySpan<byte> first)
    {
        compression = CompressionFormat.Detect(first);
        inflating = compression == Compression.None ? null : OnThread(Inflate);
        BlockPipe archive = inflating is null ? received : inflated;
        unpacking = OnThread(() => Unpack(archive));
    }

    private static Task<T> OnThread<T>(Func<T> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private (Digest Digest, long Length) Inflate()
    {
        try
        {
            using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            using Stream plain = CompressionFormat.Open(compression, received.Reader);
            long length = 0;
            while (true)
            {
                byte[] block = inflated.Rent();
                int count = plain.ReadAtLeast(block, block.Length, throwOnEndOfStream: false);
                if (count == 0)
                {
                    ArrayPool<byte>.Shared.Return(block);
                    break;
                }

                length += count;
                if (StoresUnpacked)
                {
                    Store(block.AsSpan(0, count));
                }
                else
                {
                    hash.AppendData(block, 0, count);
                }

                inflated.Push(block, count);
            }

            // What follows the compressed data belongs to the blob, though not to the layer.
            byte[] rest = inflated.Rent();
            while (received.Reader.Read(rest) > 0)
            {
            }

            ArrayPool<byte>.Shared.Return(rest);
            inflated.Complete();
            return (Digest.FromHash(hash.GetHashAndReset()), length);
        }
        catch (Exception e)
        {
            Exception error = CompressionFormat.Explain(e, compression);
            inflated.Complete(error);
            if (ReferenceEquals(error, e))
            {
                throw;
            }

            throw error;
        }
        finally
        {
            received.Abandon();
        }
    }

    private bool StoresUnpacked => compression is Compression.Xz or Compression.Bzip2;

    private void Store(ReadOnlySpan<byte> data)
    {
        try
        {
            blob.Write(data);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the archive cannot be stored: {e.Message}", e);
        }
    }

    private Digest FinishBlob()
    {
        try
        {
            return blob.Finish();
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the archive cannot be stored: {e.Message}", e);
        }
    }

    private long Unpack(BlockPipe from)
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
