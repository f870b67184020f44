using System.Runtime.InteropServices;

namespace Berth.Linux;

/// <summary>Error numbers by their kernel names (errno(3)); the same on x86-64 and arm64.</summary>
public enum Errno
{
    None = 0, EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8, EBADF = 9, ECHILD = 10, EAGAIN = 11,
    ENOMEM = 12, EACCES = 13, EFAULT = 14, EBUSY = 16, EEXIST = 17, EXDEV = 18, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
    ENFILE = 23, EMFILE = 24, ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENOSPC = 28, ESPIPE = 29, EROFS = 30, EMLINK = 31, EPIPE = 32,
    ERANGE = 34, ENAMETOOLONG = 36, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, ENODATA = 61, EOVERFLOW = 75, ENOTSOCK = 88, EOPNOTSUPP = 95,
    EADDRINUSE = 98, EADDRNOTAVAIL = 99, ECONNABORTED = 103, ECONNRESET = 104, ENOTCONN = 107, ETIMEDOUT = 110, ECONNREFUSED = 111, EINPROGRESS = 115, EDQUOT = 122,
}

/// <summary>A system call that failed: which one, why, and on what.</summary>
public sealed class LinuxException : IOException
{
    /// <param name="errno">The kernel's reason.</param>
    /// <param name="call">The call's name, such as <c>openat2</c>.</param>
    /// <param name="subject">The path, id or step it was about; empty when there is none.</param>
    public LinuxException(Errno errno, string call, string subject = "")
        : base($"{call}{(subject.Length == 0 ? "" : " " + subject)}: {Describe(errno)}")
    {
        Errno = errno;
        Call = call;
        Subject = subject;
    }

    /// <summary>The kernel's reason.</summary>
    public Errno Errno { get; }

    /// <summary>The call's name.</summary>
    public string Call { get; }

    /// <summary>What the call was about.</summary>
    public string Subject { get; }

    /// <summary>The error in the words of strerror(3).</summary>
    public static string Describe(Errno errno) => Marshal.GetPInvokeErrorMessage((int)errno).ToLowerInvariant();

    /// <summary>Throws for the calling thread's last error.</summary>
    internal static LinuxException Last(string call, string subject = "") => new((Errno)Marshal.GetLastPInvokeError(), call, subject);
}
