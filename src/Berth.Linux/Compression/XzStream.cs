using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.Linux.Compression;

/// <summary>The .xz format through liblzma. Memory for a decoder is limited to 256 MiB; <c>xz -9</c> wants 65.</summary>
public sealed unsafe partial class XzStream : DecoderStream
{
    private const string Library = "liblzma.so.5";
    private const ulong MemoryLimit = 256 << 20;
    private const uint LZMA_CONCATENATED = 8;
    private const int LZMA_RUN = 0, LZMA_FINISH = 3;
    private const int LZMA_OK = 0, LZMA_STREAM_END = 1, LZMA_MEM_ERROR = 5, LZMA_MEMLIMIT_ERROR = 6, LZMA_BUF_ERROR = 10;
    private readonly State state = new();
    private bool ended;

    /// <summary>Decompresses <paramref name="source"/>, which stays the caller's.</summary>
    /// <exception cref="DecoderMissingException">The host lacks the library.</exception>
    public XzStream(Stream source)
        : base(source)
    {
        try
        {
            Check(Load("xz", Library, "liblzma5", () => lzma_stream_decoder(state.Stream, MemoryLimit, LZMA_CONCATENATED)));
        }
        catch
        {
            state.Dispose();
            throw;
        }
    }

    private protected override string Format => "xz";

    private protected override bool Decode(ReadOnlySpan<byte> from, Span<byte> to, bool last, out int consumed, out int produced)
    {
        consumed = produced = 0;
        if (ended)
        {
            return true;
        }

        Native* stream = state.Stream;
        fixed (byte* source = from, target = to)
        {
            stream->NextIn = source;
            stream->AvailableIn = (nuint)from.Length;
            stream->NextOut = target;
            stream->AvailableOut = (nuint)to.Length;
            int result = lzma_code(stream, last ? LZMA_FINISH : LZMA_RUN);
            consumed = from.Length - (int)stream->AvailableIn;
            produced = to.Length - (int)stream->AvailableOut;
            if (result == LZMA_BUF_ERROR)
            {
                return false; // no progress: the source has ended too early, which the caller finds out
            }

            ended = Check(result) == LZMA_STREAM_END;
            return ended;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            state.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Check(int result) => result switch
    {
        LZMA_OK or LZMA_STREAM_END => result,
        LZMA_MEM_ERROR => throw new LinuxException(Errno.ENOMEM, "lzma_code"),
        LZMA_MEMLIMIT_ERROR => throw Damaged($"it wants more than {MemoryLimit >> 20} MiB of memory"),
        _ => throw Damaged($"liblzma's error {result}"),
    };

    // What the library keeps between the calls; freed at the latest by its finaliser.
    private sealed class State : SafeHandleZeroOrMinusOneIsInvalid
    {
        public State()
            : base(ownsHandle: true) => SetHandle((nint)NativeMemory.AllocZeroed((nuint)sizeof(Native)));

        public Native* Stream => (Native*)handle;

        protected override bool ReleaseHandle()
        {
            // Zeros, as after a missing library, have nothing to end and would need the library again.
            if (Stream->Internal is not null)
            {
                lzma_end(Stream);
            }

            NativeMemory.Free(Stream);
            return true;
        }
    }

    // lzma_stream of lzma/base.h; the rest is reserved.
    [StructLayout(LayoutKind.Explicit, Size = 136)]
    private struct Native
    {
        [FieldOffset(0)] public byte* NextIn;
        [FieldOffset(8)] public nuint AvailableIn;
        [FieldOffset(24)] public byte* NextOut;
        [FieldOffset(32)] public nuint AvailableOut;
        [FieldOffset(56)] public void* Internal;
    }

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int lzma_stream_decoder(Native* stream, ulong memoryLimit, uint flags);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int lzma_code(Native* stream, int action);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void lzma_end(Native* stream);
}
