using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>ppoll(2) of the few descriptors that a start waits for.</summary>
public static unsafe partial class DescriptorPoll
{
    private const short POLLIN = 1;

    /// <summary>Waits until one of two descriptors can be read, is closed at its other end, or has ended (pidfds).</summary>
    /// <param name="first">A descriptor; -1 for none.</param>
    /// <param name="second">Another.</param>
    /// <param name="milliseconds">The longest wait; negative: without end.</param>
    /// <exception cref="LinuxException">poll failed.</exception>
    public static (bool First, bool Second) WaitReadable(int first, int second, int milliseconds)
    {
        PollEntry* entries = stackalloc PollEntry[2];
        entries[0] = new PollEntry { Descriptor = first, Events = POLLIN };
        entries[1] = new PollEntry { Descriptor = second, Events = POLLIN };
        long end = milliseconds < 0 ? 0 : Environment.TickCount64 + milliseconds;
        while (poll(entries, 2, milliseconds) < 0)
        {
            if (Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                throw LinuxException.Last("poll");
            if (milliseconds >= 0)
                milliseconds = (int)Math.Max(0, end - Environment.TickCount64);
        }

        return (entries[0].Results != 0, entries[1].Results != 0);
    }

    // struct pollfd
    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Results;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(PollEntry* entries, nuint count, int timeout);
}
