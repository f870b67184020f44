using System.Net.Http.Headers;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Registry.Transport;

namespace Berth.Registry.Pull;

/// <summary>One connection that brings a blob's bytes.</summary>
/// <param name="Answer">Owns the connection.</param>
/// <param name="Body">The bytes, the first of which is the one that was asked for.</param>
/// <param name="IsRanged">Whether it brings the piece that was asked for; otherwise all up to the blob's end.</param>
internal sealed record BlobConnection(RegistryAnswer Answer, Stream Body, bool IsRanged) : IDisposable
{
    public void Dispose()
    {
        Body.Dispose();
        Answer.Dispose();
    }
}

/// <summary>The places that have one blob, mirrors first. One that fails for good is not asked again. Safe for concurrent use.</summary>
internal sealed class BlobSource(PullChannels channels, string repository, Descriptor blob, string subject)
{
    private const int SkipSize = 64 << 10;
    private int place;
    private volatile bool isRangeless;

    /// <summary>Begins the messages of failures.</summary>
    public string Subject => subject;

    public Descriptor Blob => blob;

    /// <summary>Whether pieces can be asked for, as far as is known.</summary>
    public bool HasRanges => !isRangeless;

    /// <summary>How attempts are counted and paused.</summary>
    public Patience Patience => channels.Patience;

    /// <summary>Whether a mirror is asked at present; once it is the registry itself, it stays so.</summary>
    public bool IsAtMirror => channels.IsMirror(Volatile.Read(ref place));

    /// <summary>Lets mirrors that sent something wrong be passed over for a while; returns their names.</summary>
    public IReadOnlyList<string> Reject() => channels.Reject(blob.Digest);

    /// <summary>Opens the bytes from <paramref name="first"/> up to before <paramref name="end"/>; a place that cannot send pieces sends all, from which what lies before is skipped.</summary>
    /// <exception cref="EngineException">NotFound; Unauthorized; Unavailable: the failure of the last place.</exception>
    public async Task<BlobConnection> OpenAsync(long first, long end, CancellationToken cancellationToken)
    {
        while (true)
        {
            int tried = Volatile.Read(ref place);
            try
            {
                BlobConnection connection = await OpenAsync(await channels.GetAsync(tried, cancellationToken), first, end, cancellationToken);
                channels.NoteSent(tried, blob.Digest);
                return connection;
            }
            catch (EngineException e) when (channels.HasAfter(tried))
            {
                channels.Note(tried, e);
                Interlocked.CompareExchange(ref place, tried + 1, tried);
            }
            catch (EngineException e)
            {
                throw channels.WithMirrors(e);
            }
        }
    }

    private async Task<BlobConnection> OpenAsync(RegistryChannel channel, long first, long end, CancellationToken cancellationToken)
    {
        for (int broken = 1; ; broken++)
        {
            bool asksForPiece = !isRangeless && (first > 0 || end < blob.Size);
            RegistryAnswer answer = await channel.SendAsync(
                new RegistryCall(HttpMethod.Get, channel.Endpoint.At(repository, "blobs/" + blob.Digest), subject)
                {
                    Range = asksForPiece ? (first, end - 1) : null,
                    Scopes = [$"repository:{repository}:pull"],
                    Attempts = channels.AttemptsOf(channel),
                },
                cancellationToken);
            try
            {
                if (asksForPiece && (answer.Status == 416 || (answer.Status == 206 && !IsAnswerTo(answer.Message.Content.Headers.ContentRange, first, end))))
                {
                    isRangeless = true; // what it calls a piece is none: everything is asked for
                    answer.Dispose();
                    continue;
                }

                return answer.Status == 206
                    ? new BlobConnection(answer, await answer.OpenAsync(cancellationToken), true)
                    : await TakeWholeAsync(answer, first, cancellationToken);
            }
            catch (Exception e) when (e is IOException or TimeoutException && broken < Patience.Attempts)
            {
                answer.Dispose();
                await Task.Delay(Patience.PauseAfter(broken), cancellationToken);
            }
            catch (Exception e)
            {
                answer.Dispose();
                throw e is IOException or TimeoutException ? new EngineException(ErrorKind.Unavailable, $"{subject}: {channel.Endpoint.Name} broke off: {e.Message}", e) : e;
            }
        }
    }

    private async Task<BlobConnection> TakeWholeAsync(RegistryAnswer answer, long first, CancellationToken cancellationToken)
    {
        if (!answer.IsSuccess)
        {
            throw (await RegistryFailure.ReadAsync(answer, cancellationToken)).ToException(subject);
        }

        if (answer.Length is { } length && length != blob.Size)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{subject} has {length} bytes at {answer.Uri.Authority}; its descriptor names {blob.Size}");
        }

        isRangeless |= answer.Message.RequestMessage!.Headers.Range is not null;
        Stream body = await answer.OpenAsync(cancellationToken);
        byte[] skipped = first > 0 ? new byte[SkipSize] : [];
        for (long left = first; left > 0;)
        {
            int count = await body.ReadAsync(skipped.AsMemory(0, (int)Math.Min(left, SkipSize)), cancellationToken);
            left -= count > 0 ? count : throw new IOException($"it ended after {first - left} bytes");
        }

        return new BlobConnection(answer, body, false);
    }

    private bool IsAnswerTo(ContentRangeHeaderValue? range, long first, long end) =>
        range is { Unit: "bytes", From: { } from, To: { } to } && from == first && to >= first && to < end && (range.Length is null || range.Length == blob.Size);
}
