namespace Berth.Cli.Archives;

/// <summary>What an entry of a tar archive makes; values are the type flags of POSIX pax.</summary>
internal enum TarKind : byte
{
    File = (byte)'0',
    HardLink = (byte)'1',
    SymbolicLink = (byte)'2',
    CharacterDevice = (byte)'3',
    BlockDevice = (byte)'4',
    Folder = (byte)'5',
    Fifo = (byte)'6',
}

/// <summary>The head of one entry. Names are bytes, as file names have no encoding.</summary>
internal sealed record TarEntry
{
    public required byte[] Name { get; init; }

    public TarKind Kind { get; init; } = TarKind.File;

    /// <summary>Permissions with setuid, setgid and sticky bit.</summary>
    public uint Mode { get; init; }

    public long Uid { get; init; }

    public long Gid { get; init; }

    /// <summary>Bytes of content that follow; only files have any.</summary>
    public long Size { get; init; }

    /// <summary>Seconds since 1970.</summary>
    public long Seconds { get; init; }

    public uint Nanoseconds { get; init; }

    /// <summary>Of links: the text of a symbolic one, the entry's name that a hard one repeats.</summary>
    public byte[] LinkName { get; init; } = [];

    public uint DeviceMajor { get; init; }

    public uint DeviceMinor { get; init; }

    /// <summary>Extended attributes by name.</summary>
    public IReadOnlyList<KeyValuePair<string, byte[]>> Attributes { get; init; } = [];
}

/// <summary>An archive that is not one, or that asks for what is not done.</summary>
internal sealed class TarException(string message) : Exception(message);
