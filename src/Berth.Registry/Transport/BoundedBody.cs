using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>Reads bodies that have to fit into memory.</summary>
internal static class BoundedBody
{
    /// <summary>The whole body.</summary>
    /// <exception cref="EngineException">TooLarge, beginning with <paramref name="subject"/>.</exception>
    public static async Task<byte[]> ReadAsync(Stream body, long? announced, int limit, string subject, CancellationToken cancellationToken)
    {
        if (announced > limit)
        {
            throw TooLarge(subject, $"{announced} bytes", limit);
        }

        using var collected = new MemoryStream((int)(announced ?? 4096));
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
