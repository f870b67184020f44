using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Berth.Linux.Files;

/// <summary>One name in a folder. <paramref name="Type"/> is a DT_ value of readdir(3); 0 when the file system does not say.</summary>
public readonly record struct FolderEntry(byte[] Name, byte Type)
{
    /// <summary>DT_DIR.</summary>
    public const byte Folder = 4;
}

/// <summary>getdents64(2).</summary>
public static unsafe partial class FolderReader
{
    private const int BufferSize = 32768;

    private static nint Number => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217;

    /// <summary>The next names from the descriptor's position, without "." and ".."; empty at the end. Names removed meanwhile may or may not appear.</summary>
    public static IReadOnlyList<FolderEntry> ReadSome(FileDescriptor folder)
    {
        List<FolderEntry> entries = [];
        byte[] buffer = new byte[BufferSize];
        while (entries.Count == 0)
        {
            nint length;
            fixed (byte* start = buffer)
            {
                length = getdents64(Number, folder, start, BufferSize);
            }

            if (length < 0)
            {
                throw LinuxException.Last("getdents64");
            }

            if (length == 0)
            {
                break;
            }

            Parse(buffer.AsSpan(0, (int)length), entries);
        }

        return entries;
    }

    // struct linux_dirent64: u64 inode, s64 offset, u16 record length, u8 type, zero-ended name.
    private static void Parse(ReadOnlySpan<byte> records, List<FolderEntry> entries)
    {
        while (!records.IsEmpty)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(records[16..]);
            ReadOnlySpan<byte> name = records[19..length];
            name = name[..name.IndexOf((byte)0)];
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                entries.Add(new FolderEntry(name.ToArray(), records[18]));
            }

            records = records[length..];
        }
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint getdents64(nint number, FileDescriptor folder, byte* buffer, nuint size);
}
