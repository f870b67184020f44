using System.Buffers.Binary;

namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>A message's kind, by its number in the D-Bus specification.</summary>
internal enum DBusMessageKind : byte
{
    Call = 1,
    Return = 2,
    Error = 3,
    Signal = 4,
}

/// <summary>A D-Bus message; header fields that it lacks are empty.</summary>
internal sealed record DBusMessage
{
    /// <summary>Of the fixed part of a header, with the length of its fields.</summary>
    public const int FixedBytes = 16;

    private const byte LittleEndian = (byte)'l', Version = 1;
    private const byte PathField = 1, InterfaceField = 2, MemberField = 3, ErrorField = 4, ReplyField = 5, DestinationField = 6, SenderField = 7, SignatureField = 8, DescriptorsField = 9;
    private const int MaxBytes = 1 << 27; // by the specification

    public required DBusMessageKind Kind { get; init; }
    public uint Serial { get; init; }
    public uint ReplySerial { get; init; }
    public string Destination { get; init; } = "";
    public string Path { get; init; } = "";
    public string Interface { get; init; } = "";
    public string Member { get; init; } = "";
    public string ErrorName { get; init; } = "";
    public string Signature { get; init; } = "";
    public byte[] Body { get; init; } = [];

    /// <summary>How long the message is that begins with <paramref name="start"/> (<see cref="FixedBytes"/> of it).</summary>
    /// <exception cref="InvalidDataException">It is no message.</exception>
    public static int TotalBytes(ReadOnlySpan<byte> start)
    {
        if (start[0] != LittleEndian || start[3] != Version)
            throw new InvalidDataException($"the bus sends messages of byte order '{(char)start[0]}', version {start[3]}; only little-endian ones of version 1 are understood");
        long fields = BinaryPrimitives.ReadUInt32LittleEndian(start[12..]);
        long total = ((FixedBytes + fields + 7) & ~7L) + BinaryPrimitives.ReadUInt32LittleEndian(start[4..]);
        return total <= MaxBytes ? (int)total : throw new InvalidDataException($"the bus sends a message of {total} bytes");
    }

    /// <summary>Reads one whole message.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static DBusMessage Parse(ReadOnlySpan<byte> bytes)
    {
        int bodyBytes = (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        var message = new DBusMessage
        {
            Kind = (DBusMessageKind)bytes[1],
            Serial = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            Body = bytes[^bodyBytes..].ToArray(),
        };
        int end = FixedBytes + (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]);
        var reader = new DBusReader(bytes[..end]);
        for (int i = 0; i < FixedBytes; i++)
            reader.Byte();
        while (reader.Position < end)
        {
            reader.Align(8);
            byte field = reader.Byte();
            _ = reader.Signature();
            message = field switch
            {
                PathField => message with { Path = reader.String() },
                InterfaceField => message with { Interface = reader.String() },
                MemberField => message with { Member = reader.String() },
                ErrorField => message with { ErrorName = reader.String() },
                ReplyField => message with { ReplySerial = reader.UInt32() },
                DestinationField => message with { Destination = reader.String() },
                SignatureField => message with { Signature = reader.Signature() },
                SenderField => Skip(message, reader.String()),
                DescriptorsField => Skip(message, reader.UInt32()),
                _ => throw new InvalidDataException($"the bus sends a message with the unknown header field {field}"),
            };
        }

        return message;
    }

    /// <summary>The message as it is sent.</summary>
    public byte[] ToBytes()
    {
        var writer = new DBusWriter();
        writer.Raw([LittleEndian, (byte)Kind, 0, Version]);
        writer.UInt32((uint)Body.Length);
        writer.UInt32(Serial);
        writer.Array(8, () =>
        {
            Field(writer, PathField, "o", Path);
            Field(writer, InterfaceField, "s", Interface);
            Field(writer, MemberField, "s", Member);
            Field(writer, ErrorField, "s", ErrorName);
            if (ReplySerial != 0)
            {
                Start(writer, ReplyField, "u");
                writer.UInt32(ReplySerial);
            }

            Field(writer, DestinationField, "s", Destination);
            if (Signature.Length > 0)
            {
                Start(writer, SignatureField, "g");
                writer.Signature(Signature);
            }
        });
        writer.Align(8);
        writer.Raw(Body);
        return writer.Bytes.ToArray();
    }

    private static DBusMessage Skip<T>(DBusMessage message, T _) => message;

    private static void Field(DBusWriter writer, byte field, string signature, string value)
    {
        if (value.Length == 0)
            return;
        Start(writer, field, signature);
        writer.String(value);
    }

    private static void Start(DBusWriter writer, byte field, string signature)
    {
        writer.Align(8);
        writer.Byte(field);
        writer.Signature(signature);
    }
}
