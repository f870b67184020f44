using System.Buffers.Binary;
using System.Numerics;
using Berth.Linux;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Shims;

/// <summary>How a process ended.</summary>
/// <param name="Code">0 to 255; 128 plus the number when a signal ended it.</param>
/// <param name="OomKilled">Whether the kernel killed a process of the container for memory.</param>
/// <param name="At">When the shim saw the end.</param>
public sealed record ExitStatus(int Code, bool OomKilled, DateTimeOffset At);

/// <summary>
/// The durable exit status of one run: a file with one checksummed record of fixed size. It is emptied before the process starts and filled
/// when it has ended, so that what is read there is never an earlier run's.
/// </summary>
public static class ExitStatusFile
{
    private const ulong Magic = 0x31_54_49_58_45_42_52_42; // "BRBEXIT1"
    private const int RecordBytes = 32;

    /// <summary>The status in the file; null when there is none, or when the record is not whole.</summary>
    /// <exception cref="LinuxException">The file exists and cannot be read.</exception>
    public static ExitStatus? TryRead(string path)
    {
        byte[] record;
        try
        {
            record = PlainFile.ReadAll(path, 4096);
        }
        catch (LinuxException e) when (e.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return null;
        }

        return record.Length == RecordBytes ? Decode(record) : null;
    }

    /// <summary>Creates or empties the file, for a run that begins. The returned descriptor takes its status.</summary>
    /// <exception cref="LinuxException">The file cannot be written.</exception>
    public static FileDescriptor Begin(string path)
    {
        FileDescriptor file = PlainFile.OpenReadWrite(path, 0x180); // 0600
        try
        {
            // The blocks exist from now on: the end needs no space that a full disk could refuse.
            PlainFile.WriteAt(file, stackalloc byte[RecordBytes], 0);
            PlainFile.SetSize(file, RecordBytes);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes the status and makes it durable before it returns.</summary>
    /// <exception cref="LinuxException">The file cannot be written or synced.</exception>
    public static void Complete(FileDescriptor file, ExitStatus status)
    {
        Span<byte> record = stackalloc byte[RecordBytes];
        Encode(status, record);
        PlainFile.WriteAt(file, record, 0);
        PlainFile.SyncData(file);
    }

    /// <summary><see cref="Begin"/> and <see cref="Complete"/> in one.</summary>
    /// <exception cref="LinuxException">The file cannot be written or synced.</exception>
    public static void Write(string path, ExitStatus status)
    {
        using FileDescriptor file = Begin(path);
        Complete(file, status);
    }

    private static void Encode(ExitStatus status, Span<byte> record)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(record, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(record[8..], status.Code);
        BinaryPrimitives.WriteInt32LittleEndian(record[12..], status.OomKilled ? 1 : 0);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], status.At.UtcTicks);
        BinaryPrimitives.WriteUInt64LittleEndian(record[24..], Checksum(record));
    }

    private static ExitStatus? Decode(ReadOnlySpan<byte> record)
    {
        long ticks = BinaryPrimitives.ReadInt64LittleEndian(record[16..]);
        if (BinaryPrimitives.ReadUInt64LittleEndian(record) != Magic || BinaryPrimitives.ReadUInt64LittleEndian(record[24..]) != Checksum(record)
            || ticks < 0 || ticks > DateTime.MaxValue.Ticks)
            return null;

        return new ExitStatus(BinaryPrimitives.ReadInt32LittleEndian(record[8..]), (record[12] & 1) != 0, new DateTimeOffset(ticks, TimeSpan.Zero));
    }

    private static ulong Checksum(ReadOnlySpan<byte> record)
    {
        uint crc = ~0u;
        for (int i = 0; i < 24; i += 8)
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(record[i..]));
        return (ulong)~crc;
    }
}
