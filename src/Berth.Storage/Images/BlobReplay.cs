using System.Security.Cryptography;
using Berth.Model;
using Berth.Storage.Content;
using Berth.Storage.Layers;

namespace Berth.Storage.Images;

/// <summary>Reading a stored layer again.</summary>
internal static class BlobReplay
{
    /// <summary>
    /// Gives the uncompressed archive to <paramref name="use"/>, on a thread of its own, and then reads what that left to the end.
    /// </summary>
    /// <returns>Digest and length of the uncompressed archive, and what <paramref name="use"/> returned.</returns>
    /// <exception cref="EngineException">InvalidArgument for damaged data; what <paramref name="use"/> throws.</exception>
    public static Task<(Digest DiffId, long Length, long Result)> RunAsync(Stream stored, Func<Stream, long> use, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(() => Run(stored, use, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>How a stored blob is packed.</summary>
    public static Compression DetectCompression(ContentStore content, Digest blob)
    {
        using Stream stored = content.Open(blob);
        return Detect(stored);
    }

    private static Compression Detect(Stream stored)
    {
        Span<byte> start = stackalloc byte[CompressionFormat.MagicLength];
        int count = stored.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        stored.Position = 0;
        return CompressionFormat.Detect(start[..count]);
    }

    private static (Digest DiffId, long Length, long Result) Run(Stream stored, Func<Stream, long> use, CancellationToken cancellationToken)
    {
        Compression compression = Detect(stored);
        try
        {
            using BufferedStream buffered = new(stored, 256 << 10);
            using Stream plain = CompressionFormat.Open(compression, buffered);
            using HashingReader reader = new(plain, cancellationToken);
            long result = use(reader);
            byte[] rest = new byte[64 << 10];
            while (reader.Read(rest) > 0)
            {
            }

            return (reader.Finish(), reader.Position, result);
        }
        catch (Exception e) when (!ReferenceEquals(CompressionFormat.Explain(e, compression), e))
        {
            throw CompressionFormat.Explain(e, compression);
        }
    }
}
