using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Berth.Api;

namespace Berth.Daemon.Http;

/// <summary>Takes the frames off a multiplexed stream that comes in pieces of any length: what remains is the text of all streams, one after another.</summary>
internal sealed class FrameSplitter
{
    private const int LengthOffset = 4; // of 32 bits, big-endian; before it are the stream's number and three zeros
    private readonly byte[] header = new byte[StreamFraming.HeaderLength];
    private int headerLength;
    private uint left;

    /// <summary>The next stretch of text in <paramref name="bytes"/>, and what follows it; an empty stretch when there is no more.</summary>
    public Stretch Next(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (left > 0)
            {
                int length = (int)Math.Min(left, (uint)bytes.Length);
                left -= (uint)length;
                return new Stretch(bytes[..length], bytes[length..]);
            }

            int taken = Math.Min(header.Length - headerLength, bytes.Length);
            bytes.Span[..taken].CopyTo(header.AsSpan(headerLength));
            headerLength += taken;
            bytes = bytes[taken..];
            if (headerLength == header.Length)
            {
                left = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(LengthOffset));
                headerLength = 0;
            }
        }

        return default;
    }

    /// <param name="Text">Text, without frames.</param>
    /// <param name="Rest">What was not looked at yet.</param>
    [StructLayout(LayoutKind.Auto)]
    internal readonly record struct Stretch(ReadOnlyMemory<byte> Text, ReadOnlyMemory<byte> Rest);
}
