using System.Buffers.Binary;

namespace Berth.Api;

/// <summary>The stream a frame of a multiplexed connection belongs to.</summary>
public enum StreamKind
{
    Stdin = 0,
    Stdout = 1,
    Stderr = 2,

    /// <summary>An error of the daemon itself, as text; ends the stream.</summary>
    SystemError = 3,
}

/// <summary>
/// Docker's multiplexing of stdout and stderr on one connection (Engine API, ContainerAttach, "Stream format"): each frame is eight bytes
/// {kind, 0, 0, 0, length as big-endian u32} and then that many bytes.
/// </summary>
public static class StreamFraming
{
    /// <summary>Bytes of a frame's header.</summary>
    public const int HeaderLength = 8;

    /// <summary>Media type of a multiplexed stream (API 1.42 and later).</summary>
    public const string MultiplexedMediaType = "application/vnd.docker.multiplexed-stream";

    /// <summary>Media type of a stream without frames.</summary>
    public const string RawMediaType = "application/vnd.docker.raw-stream";

    /// <summary>Writes the header of a frame of <paramref name="length"/> bytes into the first eight bytes of <paramref name="destination"/>.</summary>
    public static void WriteHeader(Span<byte> destination, StreamKind kind, int length)
    {
        destination[0] = (byte)kind;
        destination[1] = 0;
        destination[2] = 0;
        destination[3] = 0;
        BinaryPrimitives.WriteUInt32BigEndian(destination[4..], (uint)length);
    }

    /// <summary>Reads the eight bytes of a header; false when they are not one (unknown kind, non-zero padding).</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> header, out StreamKind kind, out uint length)
    {
        kind = (StreamKind)header[0];
        length = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        return header[0] <= 3 && header[1] == 0 && header[2] == 0 && header[3] == 0;
    }
}
