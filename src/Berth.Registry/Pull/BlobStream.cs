using System.Buffers;
using System.Diagnostics;
using System.Security.Cryptography;
using Berth.Model;

namespace Berth.Registry.Pull;

/// <summary>
/// A blob's bytes in order, exactly as many as its descriptor says. A large blob comes in pieces by several connections: the first is read as it comes, those after
/// it are fetched into memory as far as the client's buffers allow, if a single connection turned out to be slow; otherwise the next piece is read as it comes, too.
/// The digest is checked before the last bytes are handed out.
/// </summary>
internal sealed class BlobStream : ReadOnlyStream
{
    private readonly BlobSource source;
    private readonly RegistryOptions options;
    private readonly RangeBuffers buffers;
    private readonly BlobRead read;
    private readonly IncrementalHash? hash;
    private readonly CancellationTokenSource ended = new();
    private readonly Queue<BlobPiece> ahead = new();
    private readonly bool isRanged;
    private ResumingReader? direct;
    private BlobPiece? front;
    private long position;
    private long next;
    private long waited;
    private bool isSlow;

    private BlobStream(BlobSource source, BlobRead read, RegistryOptions options, RangeBuffers buffers, BlobConnection? connection, long end)
    {
        this.source = source;
        this.options = options;
        this.buffers = buffers;
        this.read = read;
        position = read.Offset;
        hash = read.Offset == 0 && (read.Verifies || source.IsAtMirror) ? IncrementalHash.CreateHash(HashAlgorithmName.SHA256) : null;
        isRanged = connection?.IsRanged == true && end < Size;
        next = isRanged ? end : Size;
        direct = connection is null ? null : new ResumingReader(source, position, next, connection);
        FetchAhead();
    }

    public override long Position { get => position; set => throw new NotSupportedException(); }

    private long Size => source.Blob.Size;

    /// <summary>Opens a blob; returns when its first connection stands.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; Unavailable; InvalidArgument for an offset outside.</exception>
    public static async Task<BlobStream> OpenAsync(BlobSource source, BlobRead read, RegistryOptions options, RangeBuffers buffers, CancellationToken cancellationToken)
    {
        long left = source.Blob.Size - read.Offset;
        if (read.Offset < 0 || left < 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"{source.Subject} has {source.Blob.Size} bytes; asked was for those after {read.Offset}");
        }

        if (left == 0)
        {
            var empty = new BlobStream(source, read, options, buffers, null, source.Blob.Size);
            empty.Verify();
            return empty;
        }

        bool isLarge = options.RangesPerBlob > 1 && left >= 2 * options.RangeSize;
        long end = isLarge ? read.Offset + options.RangeSize : source.Blob.Size;
        BlobConnection connection = await source.OpenAsync(read.Offset, end, cancellationToken);
        return new BlobStream(source, read, options, buffers, connection, end);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (position == Size || buffer.IsEmpty)
        {
            return 0;
        }

        if (direct is null && front is null)
        {
            TakeNext();
        }

        long began = Stopwatch.GetTimestamp();
        int count = front is not null ? await front.ReadAsync(buffer, cancellationToken) : await direct!.ReadAsync(buffer, cancellationToken);
        waited += Stopwatch.GetTimestamp() - began;
        hash?.AppendData(buffer.Span[..count]);
        position += count;
        if (front?.IsDone == true || direct?.IsDone == true)
        {
            LetGoOfFront();
        }

        if (position == Size)
        {
            Verify();
        }

        read.Received?.Invoke(position);
        return count;
    }

    public override int Read(Span<byte> buffer)
    {
        byte[] rented = ArrayPool<byte>.Shared.Rent(buffer.Length);
        int count = ReadAsync(rented.AsMemory(0, buffer.Length)).AsTask().GetAwaiter().GetResult();
        rented.AsSpan(0, count).CopyTo(buffer);
        ArrayPool<byte>.Shared.Return(rented);
        return count;
    }

    public override async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        List<Task> releases = [.. ahead.Select(piece => piece.ReleaseAsync(buffers))];
        ahead.Clear();
        Dispose();
        await Task.WhenAll(releases);
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            ended.Cancel();
            LetGoOfFront();
            while (ahead.TryDequeue(out BlobPiece? piece))
            {
                _ = piece.ReleaseAsync(buffers); // ends by itself, now that it is cancelled, and cannot fail
            }

            hash?.Dispose();
        }

        base.Dispose(disposing);
    }

    // Where one connection brings more than this, further ones cost more than they bring. What several bring says nothing of one: found once, it stays so.
    private bool IsSlow => isSlow |= options.RangesBelow == long.MaxValue || (position - read.Offset) * (double)Stopwatch.Frequency < (double)options.RangesBelow * waited;

    private void TakeNext()
    {
        FetchAhead();
        if (ahead.TryDequeue(out front))
        {
            FetchAhead();
            return;
        }

        long end = source.HasRanges ? Math.Min(position + options.RangeSize, Size) : Size; // all comes anyway: once is enough
        direct = new ResumingReader(source, position, end, null);
        next = end;
        FetchAhead();
    }

    private void FetchAhead()
    {
        int most = options.RangesPerBlob - (direct is null && front is null ? 0 : 1);
        while (isRanged && IsSlow && source.HasRanges && ahead.Count < most && next < Size && buffers.TryRent() is { } buffer)
        {
            long end = Math.Min(next + options.RangeSize, Size);
            ahead.Enqueue(new BlobPiece(source, next, end, buffer, ended.Token));
            next = end;
        }
    }

    private void LetGoOfFront()
    {
        direct?.Dispose();
        direct = null;
        if (front is not null)
        {
            _ = front.ReleaseAsync(buffers); // waits for the end of its fetching, and cannot fail
            front = null;
        }
    }

    private void Verify()
    {
        if (hash is not null && Digest.FromHash(hash.GetHashAndReset()) is var got && got != source.Blob.Digest)
        {
            IReadOnlyList<string> mirrors = source.Reject();
            string by = mirrors.Count == 0 ? "" : $" (sent by the mirror {string.Join(" and ", mirrors)})";
            throw new EngineException(ErrorKind.Unavailable, $"{source.Subject}: what came has another digest, {got}{by}; it is thrown away") { IsWrongContent = true };
        }
    }
}
