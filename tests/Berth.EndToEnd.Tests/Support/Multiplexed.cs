using System.Buffers.Binary;
using System.Text;

namespace Berth.EndToEnd.Tests.Support;

/// <summary>Docker's framing of two streams in one: 8 bytes of head (stream, length), then the bytes.</summary>
internal static class Multiplexed
{
    /// <summary>The text of all frames in order.</summary>
    public static string Text(ReadOnlySpan<byte> frames)
    {
        var text = new MemoryStream();
        while (frames.Length >= 8)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(frames[4..]);
            text.Write(frames.Slice(8, length));
            frames = frames[(8 + length)..];
        }

        return Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }
}
