using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.Linux.Compression;

/// <summary>Zstandard (RFC 8878) through libzstd. Windows of up to 128 MiB are accepted, which is what <c>zstd</c> makes without being told otherwise.</summary>
public sealed unsafe partial class ZstdStream : DecoderStream
{
    private const string Library = "libzstd.so.1";
    private const int ZSTD_d_windowLogMax = 100;
    private const int MaxWindowLog = 27;
    private readonly Context context;
    private bool frameEnded = true;

    /// <summary>Decompresses <paramref name="source"/>, which stays the caller's.</summary>
    /// <exception cref="DecoderMissingException">The host lacks the library.</exception>
    public ZstdStream(Stream source)
        : base(source)
    {
        context = Load("zstd", Library, "libzstd1", static () => ZSTD_createDCtx());
        if (context.IsInvalid)
        {
            throw new LinuxException(Errno.ENOMEM, "ZSTD_createDCtx");
        }

        Check(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, MaxWindowLog));
    }

    private protected override string Format => "zstd";

    private protected override bool Decode(ReadOnlySpan<byte> from, Span<byte> to, bool last, out int consumed, out int produced)
    {
        fixed (byte* source = from, target = to)
        {
            Buffer input = new() { Data = source, Size = (nuint)from.Length };
            Buffer output = new() { Data = target, Size = (nuint)to.Length };
            nuint rest = Check(ZSTD_decompressStream(context, &output, &input));
            consumed = (int)input.Position;
            produced = (int)output.Position;
            if (consumed > 0 || produced > 0)
            {
                // What it returns is what the frame still needs; asked again after the end it would tell of the next one.
                frameEnded = rest == 0;
            }

            return frameEnded;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            context.Dispose();
        }

        base.Dispose(disposing);
    }

    private nuint Check(nuint result) =>
        ZSTD_isError(result) == 0 ? result : throw Damaged(Marshal.PtrToStringUTF8((nint)ZSTD_getErrorName(result)) ?? "unknown error");

    // ZSTD_inBuffer and ZSTD_outBuffer, which have the same shape.
    [StructLayout(LayoutKind.Sequential)]
    private struct Buffer
    {
        public byte* Data;
        public nuint Size;
        public nuint Position;
    }

    private sealed class Context() : SafeHandleZeroOrMinusOneIsInvalid(ownsHandle: true)
    {
        protected override bool ReleaseHandle()
        {
            _ = ZSTD_freeDCtx(handle);
            return true;
        }
    }

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial Context ZSTD_createDCtx();

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nuint ZSTD_freeDCtx(nint context);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nuint ZSTD_DCtx_setParameter(Context context, int parameter, int value);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nuint ZSTD_decompressStream(Context context, Buffer* output, Buffer* input);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial uint ZSTD_isError(nuint code);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial byte* ZSTD_getErrorName(nuint code);
}
