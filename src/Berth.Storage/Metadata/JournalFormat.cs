using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Berth.Model;

namespace Berth.Storage.Metadata;

/// <summary>The bytes of the journal; docs/flows/storage.md, "Journal".</summary>
internal static class JournalFormat
{
    public const int FileHeaderSize = 16;
    public const int FrameHeaderSize = 16;

    /// <summary>A frame's payload; what is larger is refused before it is written.</summary>
    public const int MaxPayload = 64 << 20;
    private const byte Put = 1;
    private const byte Delete = 2;

    private static ReadOnlySpan<byte> Magic => "BERTHJ\0\u0001"u8;

    /// <summary>A new file's header with a random identity.</summary>
    public static byte[] CreateFileHeader()
    {
        byte[] header = new byte[FileHeaderSize];
        Magic.CopyTo(header);
        RandomNumberGenerator.Fill(header.AsSpan(8));
        return header;
    }

    /// <summary>Whether the file begins as a journal of this version.</summary>
    public static bool IsFileHeader(ReadOnlySpan<byte> file) => file.Length >= FileHeaderSize && file[..8].SequenceEqual(Magic);

    /// <summary>The identity that every checksum of the file includes, so that a frame of another journal, stored as a value, never verifies.</summary>
    public static ulong Identity(ReadOnlySpan<byte> file) => BinaryPrimitives.ReadUInt64LittleEndian(file[8..]);

    /// <summary>Begins a frame whose header <see cref="FinishFrame"/> fills in.</summary>
    public static void BeginFrame(ArrayBufferWriter<byte> output)
    {
        output.GetSpan(FrameHeaderSize)[..FrameHeaderSize].Clear();
        output.Advance(FrameHeaderSize);
    }

    /// <summary>Appends one change to a frame's payload.</summary>
    public static void WriteChange(ArrayBufferWriter<byte> output, in JournalChange change)
    {
        WriteByte(output, change.Value is null ? Delete : Put);
        WriteText(output, change.Bucket);
        WriteText(output, change.Key);
        if (change.Value is not null)
        {
            BinaryPrimitives.WriteInt32LittleEndian(output.GetSpan(4), change.Value.Length);
            output.Advance(4);
            output.Write(change.Value);
        }
    }

    /// <summary>Fills in length, checksum and sequence of a frame that spans all of <paramref name="frame"/>.</summary>
    public static void FinishFrame(Span<byte> frame, ulong identity, ulong sequence)
    {
        BinaryPrimitives.WriteInt32LittleEndian(frame, frame.Length - FrameHeaderSize);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[8..], sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[4..], Checksum(frame, identity));
    }

    /// <summary>Reads the frame at the start of <paramref name="data"/>; false when it is incomplete or does not verify.</summary>
    public static bool TryReadFrame(ReadOnlySpan<byte> data, ulong identity, out ulong sequence, out ReadOnlySpan<byte> payload)
    {
        sequence = 0;
        payload = default;
        if (data.Length < FrameHeaderSize)
        {
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32LittleEndian(data);
        if (length is 0 or > MaxPayload || length > data.Length - FrameHeaderSize)
        {
            return false;
        }

        ReadOnlySpan<byte> frame = data[..(FrameHeaderSize + (int)length)];
        if (Checksum(frame, identity) != BinaryPrimitives.ReadUInt32LittleEndian(frame[4..]))
        {
            return false;
        }

        sequence = BinaryPrimitives.ReadUInt64LittleEndian(frame[8..]);
        payload = frame[FrameHeaderSize..];
        return true;
    }

    /// <summary>Takes one change off <paramref name="payload"/>.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the checksum was right but the content is not of this version.</exception>
    public static JournalChange ReadChange(ref ReadOnlySpan<byte> payload)
    {
        byte kind = Take(ref payload, 1)[0];
        string bucket = ReadText(ref payload);
        string key = ReadText(ref payload);
        switch (kind)
        {
            case Put:
                int length = BinaryPrimitives.ReadInt32LittleEndian(Take(ref payload, 4));
                return new JournalChange(bucket, key, Take(ref payload, length).ToArray());
            case Delete:
                return new JournalChange(bucket, key, null);
            default:
                throw Unknown($"a change of kind {kind}");
        }
    }

    private static uint Checksum(ReadOnlySpan<byte> frame, ulong identity)
    {
        uint crc = BitOperations.Crc32C(uint.MaxValue, identity);
        crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt32LittleEndian(frame));
        ReadOnlySpan<byte> rest = frame[8..];
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(rest);
        foreach (ulong word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (byte value in rest[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }

    private static void WriteByte(ArrayBufferWriter<byte> output, byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }

    private static void WriteText(ArrayBufferWriter<byte> output, string text)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        if (length > ushort.MaxValue)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"a journal key of {length} bytes is longer than {ushort.MaxValue}");
        }

        Span<byte> span = output.GetSpan(2 + length);
        BinaryPrimitives.WriteUInt16LittleEndian(span, (ushort)length);
        Encoding.UTF8.GetBytes(text, span[2..]);
        output.Advance(2 + length);
    }

    private static string ReadText(ref ReadOnlySpan<byte> payload) =>
        Encoding.UTF8.GetString(Take(ref payload, BinaryPrimitives.ReadUInt16LittleEndian(Take(ref payload, 2))));

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> payload, int length)
    {
        if (length < 0 || length > payload.Length)
        {
            throw Unknown("a change that ends after its frame");
        }

        ReadOnlySpan<byte> taken = payload[..length];
        payload = payload[length..];
        return taken;
    }

    private static EngineException Unknown(string what) =>
        new(ErrorKind.Internal, $"the metadata journal holds {what}: it was written by another version of the daemon");
}
