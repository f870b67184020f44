using System.Buffers.Binary;
using System.Text;

namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>Marshals values in D-Bus's little-endian wire format (D-Bus specification, "Marshaling"): each aligned to its own size, from the start.</summary>
internal sealed class DBusWriter
{
    private byte[] buffer = new byte[256];

    /// <summary>How much has been written.</summary>
    public int Length { get; private set; }

    /// <summary>What has been written.</summary>
    public ReadOnlySpan<byte> Bytes => buffer.AsSpan(0, Length);

    /// <summary>Zeros up to a multiple of <paramref name="size"/>.</summary>
    public void Align(int size) => Take((size - (Length % size)) % size).Clear();

    /// <summary>Bytes as they are.</summary>
    public void Raw(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    /// <summary>A <c>y</c>.</summary>
    public void Byte(byte value) => Take(1)[0] = value;

    /// <summary>A <c>u</c>.</summary>
    public void UInt32(uint value)
    {
        Align(sizeof(uint));
        BinaryPrimitives.WriteUInt32LittleEndian(Take(sizeof(uint)), value);
    }

    /// <summary>A <c>t</c>.</summary>
    public void UInt64(ulong value)
    {
        Align(sizeof(ulong));
        BinaryPrimitives.WriteUInt64LittleEndian(Take(sizeof(ulong)), value);
    }

    /// <summary>A <c>b</c>.</summary>
    public void Boolean(bool value) => UInt32(value ? 1u : 0);

    /// <summary>An <c>s</c> or <c>o</c>.</summary>
    public void String(string value)
    {
        int bytes = Encoding.UTF8.GetByteCount(value);
        UInt32((uint)bytes);
        _ = Encoding.UTF8.GetBytes(value, Take(bytes));
        Byte(0);
    }

    /// <summary>A <c>g</c>.</summary>
    public void Signature(string value)
    {
        Byte((byte)value.Length);
        _ = Encoding.ASCII.GetBytes(value, Take(value.Length));
        Byte(0);
    }

    /// <summary>An array of elements that are aligned to <paramref name="alignment"/>.</summary>
    public void Array(int alignment, Action elements)
    {
        UInt32(0);
        int lengthAt = Length - sizeof(uint);
        Align(alignment);
        int start = Length;
        elements();
        BinaryPrimitives.WriteUInt32LittleEndian(buffer.AsSpan(lengthAt), (uint)(Length - start));
    }

    private Span<byte> Take(int count)
    {
        if (Length + count > buffer.Length)
            System.Array.Resize(ref buffer, Math.Max(buffer.Length * 2, Length + count));
        Length += count;
        return buffer.AsSpan(Length - count, count);
    }
}
