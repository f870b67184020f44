using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>Reads bodies that have to fit into memory.</summary>
internal static class BoundedBody
{
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(2);

    /// <summary>The whole body; what comes so slowly that it is not there in two minutes fails.</summary>
    /// <exception cref="EngineException">TooLarge, beginning with <paramref name="subject"/>.</exception>
    /// <exception cref="IOException">The connection broke off.</exception>
    /// <exception cref="TimeoutException">It stalled, or took too long.</exception>
    public static async Task<byte[]> ReadAsync(RegistryAnswer answer, int limit, string subject, CancellationToken cancellationToken)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timer.CancelAfter(TimeLimit);
        try
        {
            await using Stream body = await answer.OpenAsync(timer.Token);
            return await ReadAsync(body, answer.Length, limit, subject, timer.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"it was not there after {TimeLimit.TotalSeconds:0} seconds", e);
        }
    }

    private static async Task<byte[]> ReadAsync(Stream body, long? announced, int limit, string subject, CancellationToken cancellationToken)
    {
        if (announced > limit)
        {
            throw TooLarge(subject, $"{announced} bytes", limit);
        }

        using var collected = new MemoryStream();
        byte[] buffer = new byte[16384];
        int count;
        while ((count = await body.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (collected.Length + count > limit)
            {
                throw TooLarge(subject, "more bytes than that", limit);
            }

            collected.Write(buffer, 0, count);
        }

        return collected.ToArray();
    }

    /// <summary>The beginning of the body, at most <paramref name="limit"/> bytes; what follows is not read.</summary>
    public static async Task<byte[]> ReadBeginningAsync(Stream body, int limit, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[limit];
        int count = await body.ReadAtLeastAsync(buffer, limit, throwOnEndOfStream: false, cancellationToken);
        return buffer[..count];
    }

    private static EngineException TooLarge(string subject, string got, int limit) => new(ErrorKind.TooLarge, $"{subject} is too large: at most {limit} bytes are accepted, got {got}");
}
