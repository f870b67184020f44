using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Layers;

/// <summary>How an archive is packed, recognised by its first bytes.</summary>
internal enum Compression
{
    None,
    Gzip,
}

/// <summary>Recognition of compression formats.</summary>
internal static class CompressionFormat
{
    /// <summary>Bytes that <see cref="Detect"/> looks at.</summary>
    public const int MagicLength = 6;

    /// <summary>The format of a stream that begins with <paramref name="start"/>.</summary>
    /// <exception cref="EngineException">NotImplemented, naming it, for a format that is known but not read.</exception>
    public static Compression Detect(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith("\u001f"u8) && start.Length > 1 && start[1] == 0x8b)
        {
            return Compression.Gzip;
        }

        string? unread = start switch
        {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
            [0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, ..] => "xz",
            [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', ..] => "bzip2",
            _ => null,
        };
        return unread is null
            ? Compression.None
            : throw new EngineException(ErrorKind.NotImplemented, $"the archive is compressed with {unread}, which this version does not read; send it uncompressed or with gzip");
    }

    /// <summary>The OCI media type of a layer packed this way.</summary>
    public static string MediaType(Compression compression) => compression == Compression.Gzip ? MediaTypes.OciLayerGzip : MediaTypes.OciLayer;
}
