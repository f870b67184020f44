using System.Buffers.Binary;
using System.Text;

namespace Berth.Engine.Containers.Health;

/// <summary>Takes what a probe prints off its stream: both outputs in the order they came, the first 4096 bytes.</summary>
internal static class ProbeOutput
{
    private const int MaxBytes = 4096;
    private const int HeaderBytes = 8;

    /// <summary>Reads to the end, however much comes.</summary>
    /// <exception cref="IOException">The stream broke.</exception>
    public static async Task<string> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var kept = new MemoryStream();
        bool isCut = false;
        byte[] header = new byte[HeaderBytes];
        byte[] buffer = new byte[MaxBytes];
        while (await stream.ReadAtLeastAsync(header, HeaderBytes, throwOnEndOfStream: false, cancellationToken) == HeaderBytes)
        {
            for (long left = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4)); left > 0;)
            {
                int read = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(left, buffer.Length)), cancellationToken);
                if (read == 0)
                {
                    break;
                }

                left -= read;
                int fitting = (int)Math.Min(read, MaxBytes - kept.Length);
                kept.Write(buffer, 0, fitting);
                isCut |= fitting < read;
            }
        }

        return Encoding.UTF8.GetString(kept.GetBuffer(), 0, (int)kept.Length) + (isCut ? "..." : "");
    }
}
