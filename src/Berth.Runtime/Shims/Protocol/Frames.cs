using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Berth.Runtime.Shims.Protocol;

/// <summary>Messages between daemon and shim, docs/flows/shim-protocol.md.</summary>
internal enum FrameType : ushort
{
    Hello = 1,
    Prepare = 2,
    Start = 3,
    State = 4,
    Kill = 5,
    Resize = 6,
    CreateExec = 7,
    StartExec = 8,
    Attach = 9,
    FollowLog = 10,
    Ok = 100,
    Error = 101,
    Started = 102,
    StateReply = 103,
    Exited = 200,
    ExecExited = 201,
}

/// <summary>Bytes that break the protocol; the connection they came on ends.</summary>
internal sealed class ProtocolException(string message) : Exception(message);

/// <summary>The 12 bytes before every payload.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct FrameHeader(int Length, FrameType Type, uint RequestId)
{
    internal const int Bytes = 12;
    internal const int MaxPayload = 1 << 20;
    internal const ushort Version = 1;

    /// <exception cref="ProtocolException">The header breaks a rule.</exception>
    internal static FrameHeader Read(ReadOnlySpan<byte> bytes)
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        var type = (FrameType)BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]);
        ushort reserved = BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]);
        if (length > MaxPayload)
            throw new ProtocolException($"a frame announces {length} bytes, at most {MaxPayload} are allowed");
        if (reserved != 0)
            throw new ProtocolException($"the reserved field of a frame is {reserved}, it must be 0");
        if (!Enum.IsDefined(type))
            throw new ProtocolException($"frame type {(ushort)type} is unknown");
        return new FrameHeader((int)length, type, BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]));
    }

    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], (ushort)Type);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], RequestId);
    }
}
