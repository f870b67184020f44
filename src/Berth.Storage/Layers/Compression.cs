using Berth.Linux.Compression;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Layers;

/// <summary>How an archive is packed, recognised by its first bytes.</summary>
internal enum Compression
{
    None,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

/// <summary>Recognition of compression formats, and reading them. No program is ever run for it.</summary>
internal static class CompressionFormat
{
    /// <summary>Bytes that <see cref="Detect"/> looks at.</summary>
    public const int MagicLength = 6;

    /// <summary>The format of a stream that begins with <paramref name="start"/>.</summary>
    public static Compression Detect(ReadOnlySpan<byte> start) => start switch
    {
        [0x1f, 0x8b, ..] => Compression.Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression.Zstd,
        [>= 0x50 and <= 0x5f, 0x2a, 0x4d, 0x18, ..] => Compression.Zstd, // a skippable frame, with which some writers begin
        [0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, ..] => Compression.Xz,
        [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', ..] => Compression.Bzip2,
        _ => Compression.None,
    };

    /// <summary>
    /// The unpacked bytes of <paramref name="packed"/>, which stays the caller's. Reading throws <see cref="InvalidDataException"/> for damaged data; a cut end is
    /// damage too.
    /// </summary>
    /// <exception cref="DecoderMissingException">The library for the format is not on the host.</exception>
    public static Stream Open(Compression compression, Stream packed) => compression switch
    {
        Compression.None => packed,
        Compression.Gzip => new GzipReader(packed),
        Compression.Zstd => new ZstdStream(packed),
        Compression.Xz => new XzStream(packed),
        _ => new Bzip2Stream(packed),
    };

    /// <summary>The error for a client, when reading a packed archive failed in a way that is the archive's or the host's fault; others as they are.</summary>
    public static Exception Explain(Exception error, Compression compression) => error switch
    {
        InvalidDataException => new EngineException(ErrorKind.InvalidArgument, $"the archive's {Name(compression)} data is damaged or truncated: {error.Message}", error),
        DecoderMissingException => new EngineException(ErrorKind.Unavailable, error.Message, error),
        _ => error,
    };

    /// <summary>The OCI media type of a layer packed this way; xz and bzip2 have none, so such layers are kept unpacked.</summary>
    public static string MediaType(Compression compression) => compression switch
    {
        Compression.Gzip => MediaTypes.OciLayerGzip,
        Compression.Zstd => MediaTypes.OciLayerZstd,
        _ => MediaTypes.OciLayer,
    };

    /// <summary>The format's name in messages.</summary>
    public static string Name(Compression compression) => compression switch
    {
        Compression.Gzip => "gzip",
        Compression.Zstd => "zstd",
        Compression.Xz => "xz",
        Compression.Bzip2 => "bzip2",
        _ => "tar",
    };
}
