using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Berth.Linux.Events;

/// <summary>Readiness bits of epoll(7), by their kernel values.</summary>
[Flags]
public enum PollEvents : uint
{
    None = 0,

    /// <summary>Reading would not block (also at end of file).</summary>
    In = 0x1,

    /// <summary>Something out of the ordinary: of a kernel file such as cgroup.events, that it has changed.</summary>
    Priority = 0x2,

    /// <summary>Writing would not block.</summary>
    Out = 0x4,

    /// <summary>Error; always reported, never asked for.</summary>
    Error = 0x8,

    /// <summary>Both directions are closed; always reported, never asked for.</summary>
    HangUp = 0x10,

    /// <summary>The peer closed its writing half.</summary>
    PeerClosed = 0x2000,
}

/// <summary>An epoll(7) instance, level triggered. Not safe for concurrent use.</summary>
public sealed unsafe partial class EventPoll : IDisposable
{
    private const int EPOLL_CLOEXEC = 0x80000, EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3;

    // struct epoll_event is packed on x86-64 only (sys/epoll.h); everywhere else the 64-bit field is aligned.
    private static readonly int s_size = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int s_dataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    private readonly FileDescriptor _poll;
    private readonly byte[] _events;
    private readonly int _capacity;

    /// <param name="capacity">The most events one <see cref="Wait"/> returns.</param>
    /// <exception cref="LinuxException">epoll_create1 failed.</exception>
    public EventPoll(int capacity)
    {
        int fd = epoll_create1(EPOLL_CLOEXEC);
        if (fd < 0)
            throw LinuxException.Last("epoll_create1");

        _poll = new FileDescriptor(fd);
        _capacity = capacity;
        _events = GC.AllocateUninitializedArray<byte>(capacity * s_size, pinned: true);
    }

    /// <summary>Watches <paramref name="fd"/>; <paramref name="token"/> comes back with its events.</summary>
    /// <exception cref="LinuxException">epoll_ctl failed.</exception>
    public void Add(int fd, PollEvents events, ulong token) => Control(EPOLL_CTL_ADD, fd, events, token);

    /// <summary>Changes what is watched of a descriptor that was added.</summary>
    /// <exception cref="LinuxException">epoll_ctl failed.</exception>
    public void Modify(int fd, PollEvents events, ulong token) => Control(EPOLL_CTL_MOD, fd, events, token);

    /// <summary>Stops watching a descriptor that was added; call it before closing the descriptor.</summary>
    /// <exception cref="LinuxException">epoll_ctl failed.</exception>
    public void Remove(int fd) => Control(EPOLL_CTL_DEL, fd, PollEvents.None, 0);

    /// <summary>Waits for events and returns how many there are; 0 after <paramref name="timeoutMilliseconds"/> (-1: no limit).</summary>
    /// <exception cref="LinuxException">epoll_wait failed.</exception>
    public int Wait(int timeoutMilliseconds)
    {
        fixed (byte* events = _events)
        {
            int count;
            while ((count = epoll_wait(_poll.Number, events, _capacity, timeoutMilliseconds)) < 0)
            {
                if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                    throw LinuxException.Last("epoll_wait");
            }

            return count;
        }
    }

    /// <summary>Event number <paramref name="index"/> of the last <see cref="Wait"/>.</summary>
    public (PollEvents Events, ulong Token) this[int index]
    {
        get
        {
            ref byte at = ref _events[index * s_size];
            return ((PollEvents)Unsafe.ReadUnaligned<uint>(ref at), Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref at, s_dataOffset)));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _poll.Dispose();

    private void Control(int operation, int fd, PollEvents events, ulong token)
    {
        byte* record = stackalloc byte[16];
        Unsafe.WriteUnaligned(record, (uint)events);
        Unsafe.WriteUnaligned(record + s_dataOffset, token);
        if (epoll_ctl(_poll.Number, operation, fd, record) < 0)
            throw LinuxException.Last("epoll_ctl", $"descriptor {fd}");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int poll, int operation, int fd, byte* record);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int poll, byte* events, int count, int timeout);
}
