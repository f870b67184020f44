using System.Buffers.Text;
using Berth.Linux.Files;
using Berth.Linux.Pipes;

namespace Berth.Linux.Processes;

/// <summary>What /proc/PID/stat (proc_pid_stat(5)) says about a process.</summary>
/// <param name="State">Its state letter; <c>Z</c> is a zombie, <c>X</c> is dead.</param>
/// <param name="StartTime">Clock ticks from boot to its start: with the id it names one process for good.</param>
[System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Auto)]
public readonly record struct ProcessStat(char State, ulong StartTime)
{
    /// <summary>Whether it still executes something; a zombie does not.</summary>
    public bool IsAlive => State is not ('Z' or 'X' or 'x');

    /// <summary>That of the process with this id now; null when there is none.</summary>
    /// <exception cref="LinuxException">It cannot be read for another reason.</exception>
    /// <exception cref="InvalidDataException">The text is not of the form that the kernel writes.</exception>
    public static ProcessStat? TryRead(int pid)
    {
        Span<byte> text = stackalloc byte[1024];
        try
        {
            using FileDescriptor file = Paths.Open(Paths.OfProcess(pid, "stat"), OpenFlags.O_RDONLY);
            Errno errno = DescriptorIo.TryRead(file.Number, text, out int length);
            if (errno == Errno.ESRCH)
                return null;
            return errno == Errno.None ? Parse(text[..length]) : throw new LinuxException(errno, "read", $"/proc/{pid}/stat");
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return null;
        }
    }

    // The second field is the name in parentheses and may hold anything, also parentheses and spaces: count from the last one.
    internal static ProcessStat Parse(ReadOnlySpan<byte> text)
    {
        const int StateField = 3, StartTimeField = 22;
        ReadOnlySpan<byte> rest = text[(text.LastIndexOf((byte)')') + 1)..].TrimStart((byte)' ');
        if (rest.IsEmpty)
            throw new InvalidDataException("/proc/PID/stat has no state");
        char state = (char)rest[0];
        for (int field = StateField; field < StartTimeField; field++)
            rest = rest[(rest.IndexOf((byte)' ') + 1)..];
        return Utf8Parser.TryParse(rest, out ulong start, out _) ? new ProcessStat(state, start) : throw new InvalidDataException("/proc/PID/stat has no start time");
    }
}
