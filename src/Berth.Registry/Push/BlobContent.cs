using System.Net;
using System.Net.Http.Headers;
using Berth.Model;

namespace Berth.Registry.Push;

/// <summary>The body of an upload: a blob from an offset on. Tells how far it is, to the caller and to the time limits.</summary>
internal sealed class BlobContent : HttpContent
{
    private const int BufferSize = 128 << 10;
    private readonly Func<long, Stream> open;
    private readonly long offset;
    private readonly long size;
    private readonly Action<long>? sent;

    /// <param name="open">Opens the blob from an offset on.</param>
    /// <param name="offset">Of the first byte to send.</param>
    /// <param name="size">Of the whole blob; when its source has more or fewer bytes, the upload fails.</param>
    /// <param name="sent">Told how many bytes of the blob were sent.</param>
    public BlobContent(Func<long, Stream> open, long offset, long size, Action<long>? sent)
    {
        this.open = open;
        this.offset = offset;
        this.size = size;
        this.sent = sent;
        Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        Headers.ContentLength = size - offset;
    }

    /// <summary>Called when bytes went out, and (true) when all did.</summary>
    public Action<bool>? Moves { get; set; }

    /// <summary>The failure of the blob's source, which is none of the connection.</summary>
    public EngineException? SourceFailure { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await using Stream source = Guard(() => open(offset));
        byte[] buffer = new byte[BufferSize];
        long at = offset;
        Moves?.Invoke(false);
        while (true)
        {
            int count = await ReadAsync(source, buffer, cancellationToken);
            if (at + count > size || (count == 0 && at < size))
            {
                SourceFailure = new EngineException(ErrorKind.Internal, $"the blob to send has {(count == 0 ? "only" : "more than")} {at} of the {size} bytes that its descriptor names");
                throw SourceFailure;
            }

            if (count == 0)
            {
                Moves?.Invoke(true);
                return;
            }

            await stream.WriteAsync(buffer.AsMemory(0, count), cancellationToken);
            at += count;
            Moves?.Invoke(at == size);
            sent?.Invoke(at);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = size - offset;
        return true;
    }

    private async ValueTask<int> ReadAsync(Stream source, byte[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await source.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Failed(e);
        }
    }

    private Stream Guard(Func<Stream> make)
    {
        try
        {
            return make();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw Failed(e);
        }
    }

    private EngineException Failed(Exception e) => SourceFailure = e as EngineException ?? new EngineException(ErrorKind.Internal, $"the blob to send cannot be read: {e.Message}", e);
}
