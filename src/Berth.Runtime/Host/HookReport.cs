using System.Buffers.Binary;
using System.Globalization;
using Berth.Linux;
using Berth.Linux.Pipes;
using Berth.Linux.Processes;
using Berth.Model.Oci.Runtime;

namespace Berth.Runtime.Host;

/// <summary>
/// What a started process says of its startContainer hooks, by a FIFO that it alone has open for writing: one record when one failed, and nothing but the
/// end when its program runs. A record is the hook's number and its status of wait(2), 8 bytes each.
/// </summary>
public static class HookReport
{
    internal const int Size = 16;

    /// <summary>Instead of a status: the hook was killed for its timeout.</summary>
    internal const ulong TooSlow = ulong.MaxValue;

    /// <summary>Waits until the hooks are through, or the process has ended.</summary>
    /// <param name="fifo">Opened for reading before the process was let go on.</param>
    /// <param name="hooks">The hooks.</param>
    /// <returns>Which one failed, and how; null: none did.</returns>
    /// <exception cref="LinuxException">The FIFO cannot be read.</exception>
    public static string? Wait(FileDescriptor fifo, IReadOnlyList<HookSpec> hooks)
    {
        Span<byte> record = stackalloc byte[Size];
        while (true)
        {
            _ = DescriptorPoll.WaitReadable(fifo.Number, -1, -1);
            Errno errno = DescriptorIo.TryRead(fifo.Number, record, out int count);
            if (errno == Errno.EAGAIN)
                continue;
            if (errno != Errno.None)
                throw new LinuxException(errno, "read", "the startContainer hooks' report");
            return count < Size ? null : Describe(BinaryPrimitives.ReadUInt64LittleEndian(record), BinaryPrimitives.ReadUInt64LittleEndian(record[8..]), hooks);
        }
    }

    private static string Describe(ulong index, ulong status, IReadOnlyList<HookSpec> hooks)
    {
        HookSpec? hook = index < (ulong)hooks.Count ? hooks[(int)index] : null;
        string how = status == TooSlow
            ? $"it took longer than its timeout of {hook?.Timeout} s and was killed"
            : (status & 0x7F) != 0 // WIFSIGNALED
                ? "killed by signal " + (status & 0x7F).ToString(CultureInfo.InvariantCulture)
                : "exit status " + ((status >> 8) & 0xFF).ToString(CultureInfo.InvariantCulture);
        return $"error running startContainer hook #{index} ({hook?.Path}): {how}";
    }
}
