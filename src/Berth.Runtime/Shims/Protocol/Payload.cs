using System.Buffers.Binary;
using System.Text;

namespace Berth.Runtime.Shims.Protocol;

/// <summary>Reads the fields of a payload in order; whatever does not fit is a <see cref="ProtocolException"/>.</summary>
internal ref struct PayloadReader(ReadOnlySpan<byte> payload)
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private ReadOnlySpan<byte> _rest = payload;

    internal byte ReadByte() => Take(1)[0];

    internal ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    internal int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    /// <summary>A moment as 100 ns ticks since year 1, UTC.</summary>
    internal DateTimeOffset ReadTime()
    {
        long ticks = BinaryPrimitives.ReadInt64LittleEndian(Take(8));
        return ticks >= 0 && ticks <= DateTime.MaxValue.Ticks
            ? new DateTimeOffset(ticks, TimeSpan.Zero)
            : throw new ProtocolException($"{ticks} is no moment");
    }

    /// <summary>A string: u16 length in bytes, UTF-8.</summary>
    internal string ReadString()
    {
        ReadOnlySpan<byte> bytes = Take(ReadUInt16());
        try
        {
            return s_strict.GetString(bytes);
        }
        catch (ArgumentException)
        {
            throw new ProtocolException("a string is not UTF-8");
        }
    }

    internal ReadOnlySpan<byte> ReadRest()
    {
        ReadOnlySpan<byte> rest = _rest;
        _rest = default;
        return rest;
    }

    internal readonly void End()
    {
        if (_rest.Length > 0)
            throw new ProtocolException($"{_rest.Length} bytes too many in a payload");
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _rest.Length)
            throw new ProtocolException($"a payload ends early: {count} bytes wanted, {_rest.Length} there");
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}

/// <summary>Builds one whole frame.</summary>
internal sealed class FrameBuilder
{
    private byte[] _bytes = new byte[128];
    private int _length = FrameHeader.Bytes;

    internal FrameBuilder Byte(byte value)
    {
        Reserve(1)[0] = value;
        return this;
    }

    internal FrameBuilder UInt16(ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Reserve(2), value);
        return this;
    }

    internal FrameBuilder Int32(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(Reserve(4), value);
        return this;
    }

    internal FrameBuilder Time(DateTimeOffset value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(Reserve(8), value.UtcTicks);
        return this;
    }

    /// <exception cref="ArgumentException">The string has more than 65,535 bytes.</exception>
    internal FrameBuilder String(string value)
    {
        int bytes = Encoding.UTF8.GetByteCount(value);
        if (bytes > ushort.MaxValue)
            throw new ArgumentException($"a string of {bytes} bytes does not fit a frame, at most {ushort.MaxValue} do", nameof(value));
        UInt16((ushort)bytes);
        _ = Encoding.UTF8.GetBytes(value, Reserve(bytes));
        return this;
    }

    internal FrameBuilder Raw(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Reserve(value.Length));
        return this;
    }

    internal FrameBuilder Exit(ExitStatus status) => Int32(status.Code).Byte(status.OomKilled ? (byte)1 : (byte)0).Time(status.At);

    /// <summary>The finished frame; the builder is not used again.</summary>
    /// <exception cref="ArgumentException">The payload exceeds the protocol's limit.</exception>
    internal ReadOnlyMemory<byte> Build(FrameType type, uint requestId)
    {
        int payload = _length - FrameHeader.Bytes;
        if (payload > FrameHeader.MaxPayload)
            throw new ArgumentException($"a payload of {payload} bytes does not fit a frame, at most {FrameHeader.MaxPayload} do", nameof(type));
        new FrameHeader(payload, type, requestId).Write(_bytes);
        return _bytes.AsMemory(0, _length);
    }

    private Span<byte> Reserve(int count)
    {
        if (_length + count > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + count));
        Span<byte> reserved = _bytes.AsSpan(_length, count);
        _length += count;
        return reserved;
    }
}
