using System.Buffers.Binary;
using System.Text;

namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>Reads what <see cref="DBusWriter"/> writes. What does not fit the format is an <see cref="InvalidDataException"/>.</summary>
internal ref struct DBusReader(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> bytes = bytes;

    /// <summary>How much has been read.</summary>
    public int Position { get; private set; }

    /// <summary>Skips to a multiple of <paramref name="size"/>.</summary>
    public void Align(int size) => Take((size - (Position % size)) % size);

    /// <summary>A <c>y</c>.</summary>
    public byte Byte() => Take(1)[0];

    /// <summary>A <c>u</c> or <c>b</c>.</summary>
    public uint UInt32()
    {
        Align(sizeof(uint));
        return BinaryPrimitives.ReadUInt32LittleEndian(Take(sizeof(uint)));
    }

    /// <summary>An <c>s</c> or <c>o</c>.</summary>
    public string String()
    {
        string value = Encoding.UTF8.GetString(Take(checked((int)UInt32())));
        Take(1);
        return value;
    }

    /// <summary>A <c>g</c>.</summary>
    public string Signature()
    {
        string value = Encoding.ASCII.GetString(Take(Byte()));
        Take(1);
        return value;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > bytes.Length - Position)
            throw new InvalidDataException($"a D-Bus message ends at {bytes.Length}, but {count} bytes from {Position} on are to be read");
        ReadOnlySpan<byte> taken = bytes.Slice(Position, count);
        Position += count;
        return taken;
    }
}
