using System.Runtime.InteropServices;

namespace Berth.Linux.Pipes;

/// <summary>
/// A fixed buffer of anonymous pages outside the managed heap: costs memory only where it was written, and gives it back on
/// <see cref="Discard"/>. Not safe for concurrent use.
/// </summary>
public sealed unsafe partial class PageBuffer : IDisposable
{
    private const int PROT_READ = 1, PROT_WRITE = 2, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MADV_DONTNEED = 4;
    private readonly int _length;
    private byte* _start;

    /// <param name="length">Bytes; rounded up to whole pages by the kernel.</param>
    /// <exception cref="LinuxException">mmap failed.</exception>
    public PageBuffer(int length)
    {
        void* start = mmap(null, (nuint)length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (start == (void*)-1)
            throw LinuxException.Last("mmap", $"{length} bytes");
        _start = (byte*)start;
        _length = length;
    }

    /// <summary>All bytes; valid until <see cref="Dispose"/>.</summary>
    public Span<byte> Bytes => _start == null ? throw new ObjectDisposedException(nameof(PageBuffer)) : new Span<byte>(_start, _length);

    /// <summary>Gives the pages back; every byte reads as zero afterwards.</summary>
    /// <exception cref="LinuxException">madvise failed.</exception>
    public void Discard()
    {
        if (_start != null && madvise(_start, (nuint)_length, MADV_DONTNEED) < 0)
            throw LinuxException.Last("madvise");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_start != null)
            _ = munmap(_start, (nuint)_length);
        _start = null;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int madvise(void* address, nuint length, int advice);
}
