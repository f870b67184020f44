using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.Linux.Compression;

/// <summary>bzip2 through libbz2.</summary>
public sealed unsafe partial class Bzip2Stream : DecoderStream
{
    private const string Library = "libbz2.so.1.0";
    private const int BZ_OK = 0, BZ_STREAM_END = 4, BZ_MEM_ERROR = -3;
    private readonly State state = new();
    private bool isOpen;

    /// <summary>Decompresses <paramref name="source"/>, which stays the caller's.</summary>
    /// <exception cref="DecoderMissingException">The host lacks the library.</exception>
    public Bzip2Stream(Stream source)
        : base(source)
    {
        try
        {
            Load("bzip2", Library, "libbz2-1.0", Begin);
        }
        catch
        {
            state.Dispose();
            throw;
        }
    }

    private protected override string Format => "bzip2";

    private protected override bool Decode(ReadOnlySpan<byte> from, Span<byte> to, bool last, out int consumed, out int produced)
    {
        consumed = produced = 0;
        if (!isOpen)
        {
            if (from.IsEmpty)
            {
                return true;
            }

            Begin();
        }

        Native* stream = state.Stream;
        fixed (byte* source = from, target = to)
        {
            stream->NextIn = source;
            stream->AvailableIn = (uint)from.Length;
            stream->NextOut = target;
            stream->AvailableOut = (uint)to.Length;
            int result = Check(BZ2_bzDecompress(stream));
            consumed = from.Length - (int)stream->AvailableIn;
            produced = to.Length - (int)stream->AvailableOut;
            if (result == BZ_STREAM_END)
            {
                End();
            }

            return !isOpen;
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

    private bool Begin()
    {
        Check(BZ2_bzDecompressInit(state.Stream, 0, 0));
        isOpen = true;
        return true;
    }

    private void End()
    {
        _ = BZ2_bzDecompressEnd(state.Stream);
        isOpen = false;
    }

    private int Check(int result) => result switch
    {
        BZ_OK or BZ_STREAM_END => result,
        BZ_MEM_ERROR => throw new LinuxException(Errno.ENOMEM, "BZ2_bzDecompress"),
        _ => throw Damaged($"libbz2's error {result}"),
    };

    // What the library keeps between the calls; freed at the latest by its finaliser.
    private sealed class State : SafeHandleZeroOrMinusOneIsInvalid
    {
        public State()
            : base(ownsHandle: true) => SetHandle((nint)NativeMemory.AllocZeroed((nuint)sizeof(Native)));

        public Native* Stream => (Native*)handle;

        protected override bool ReleaseHandle()
        {
            if (Stream->Internal is not null)
            {
                _ = BZ2_bzDecompressEnd(Stream);
            }

            NativeMemory.Free(Stream);
            return true;
        }
    }

    // bz_stream of bzlib.h; the rest is counters, state and allocators (null for malloc's).
    [StructLayout(LayoutKind.Explicit, Size = 80)]
    private struct Native
    {
        [FieldOffset(0)] public byte* NextIn;
        [FieldOffset(8)] public uint AvailableIn;
        [FieldOffset(24)] public byte* NextOut;
        [FieldOffset(32)] public uint AvailableOut;
        [FieldOffset(48)] public void* Internal;
    }

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int BZ2_bzDecompressInit(Native* stream, int verbosity, int small);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int BZ2_bzDecompress(Native* stream);

    [LibraryImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int BZ2_bzDecompressEnd(Native* stream);
}
