using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Berth.Linux;

/// <summary>An owned file descriptor of any kind; always close-on-exec. Disposing it closes it.</summary>
public sealed partial class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    /// <summary>Takes ownership of <paramref name="fd"/>.</summary>
    public FileDescriptor(int fd)
        : base(ownsHandle: true) => SetHandle(fd);

    /// <summary>The number; valid only while this object is alive and not disposed.</summary>
    public int Number => IsClosed ? throw new ObjectDisposedException(nameof(FileDescriptor)) : (int)handle;

    /// <summary>Gives the number away; this object no longer closes it.</summary>
    public int Release()
    {
        int number = Number;
        SetHandleAsInvalid();
        return number;
    }

    /// <summary>Gives the descriptor to a handle that FileStream and RandomAccess take; this object no longer closes it.</summary>
    public SafeFileHandle ToFileHandle() => new(Release(), ownsHandle: true);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => close((int)handle) == 0;

    [LibraryImport("libc")]
    private static partial int close(int fd);
}
