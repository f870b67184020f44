using System.Buffers;
using System.Collections.Immutable;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;

namespace Berth.Storage.Metadata;

using State = ImmutableDictionary<string, ImmutableDictionary<string, byte[]>>;

/// <summary>The journal's file: replay, append, compaction. Not thread-safe; <see cref="Journal"/> has one writer.</summary>
internal sealed class JournalFile : IDisposable
{
    private const int SnapshotFrame = 1 << 20;
    private readonly FileDescriptor folder;
    private readonly string path;
    private FileDescriptor file;
    private ulong identity;
    private ulong sequence;
    private volatile bool failed;

    private JournalFile(FileDescriptor folder, string path, FileDescriptor file)
    {
        this.folder = folder;
        this.path = path;
        this.file = file;
    }

    /// <summary>The state after the last append.</summary>
    public State State { get; private set; } = State.Empty;

    /// <summary>Whether a sync has failed, so that what the disk holds is unknown and nothing more is written.</summary>
    public bool HasFailed => failed;

    /// <summary>Bytes of the file.</summary>
    public long Length { get; private set; }

    /// <summary>Bytes that a file with only the present state would have, roughly.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>Opens and replays <c>journal</c> in the folder; makes it when there is none.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/> when acknowledged data is damaged, or the file is not a journal.</exception>
    public static JournalFile Open(string folderPath)
    {
        FileDescriptor metadata = Paths.OpenFolder(folderPath);
        string name = Path.Combine(folderPath, "journal");
        // A compaction that a crash interrupted; the old file still stands.
        File.Delete(name + ".new");
        FileDescriptor opened = Paths.Open(metadata, "journal"u8, OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_NOFOLLOW, 0x180);
        JournalFile journal = new(metadata, name, opened);
        try
        {
            byte[] content = File.ReadAllBytes(name);
            if (content.Length < JournalFormat.FileHeaderSize)
            {
                journal.Create(content);
            }
            else
            {
                journal.Replay(content);
            }

            return journal;
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }

    /// <summary>Writes the frame (as <see cref="JournalFormat.BeginFrame"/> began it), syncs it, and takes its changes into <see cref="State"/>.</summary>
    /// <exception cref="EngineException">Nothing of the frame is in the state; <see cref="ErrorKind.Unavailable"/> once a sync has failed.</exception>
    public void Append(ArrayBufferWriter<byte> frame, IEnumerable<JournalChange> changes)
    {
        if (failed)
        {
            throw new EngineException(ErrorKind.Unavailable, $"{path} failed to reach the disk before; restart the daemon to go on from what the disk holds");
        }

        byte[] bytes = frame.WrittenSpan.ToArray();
        JournalFormat.FinishFrame(bytes, identity, sequence + 1);
        try
        {
            FileData.WriteAt(file, bytes, Length);
            FailPoint.Reach(FailPoints.JournalWritten);
        }
        catch (LinuxException e)
        {
            CutBack();
            throw Failure(e);
        }

        try
        {
            FileData.SyncData(file);
            FailPoint.Reach(FailPoints.JournalSynced);
        }
        catch (LinuxException e)
        {
            failed = true;
            throw Failure(e);
        }

        sequence++;
        Length += bytes.Length;
        Apply(changes);
    }

    /// <summary>Writes the present state to a new file and puts it in place of this one, atomically and durably.</summary>
    public void Compact()
    {
        byte[] header = JournalFormat.CreateFileHeader();
        ulong newIdentity = JournalFormat.Identity(header);
        FileDescriptor next = Paths.Open(folder, "journal.new"u8, OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_EXCL, 0x180);
        ulong newSequence = 0;
        long length = header.Length;
        try
        {
            FileData.WriteAt(next, header, 0);
            foreach (ArrayBufferWriter<byte> frame in SnapshotFrames())
            {
                byte[] bytes = frame.WrittenSpan.ToArray();
                JournalFormat.FinishFrame(bytes, newIdentity, ++newSequence);
                FileData.WriteAt(next, bytes, length);
                length += bytes.Length;
            }

            FileData.SyncData(next);
            Paths.Rename(folder, "journal.new"u8, folder, "journal"u8);
        }
        catch (LinuxException e)
        {
            next.Dispose();
            File.Delete(path + ".new");
            throw Failure(e);
        }

        file.Dispose();
        file = next;
        identity = newIdentity;
        sequence = newSequence;
        Length = length;
        LiveBytes = length;
        SyncFolder();
    }

    public void Dispose()
    {
        file.Dispose();
        folder.Dispose();
    }

    private IEnumerable<ArrayBufferWriter<byte>> SnapshotFrames()
    {
        ArrayBufferWriter<byte> frame = new();
        foreach ((string bucket, ImmutableDictionary<string, byte[]> entries) in State)
        {
            foreach ((string key, byte[] value) in entries)
            {
                if (frame.WrittenCount == 0)
                {
                    JournalFormat.BeginFrame(frame);
                }

                JournalFormat.WriteChange(frame, new JournalChange(bucket, key, value));
                if (frame.WrittenCount >= SnapshotFrame)
                {
                    yield return frame;
                    frame.ResetWrittenCount();
                }
            }
        }

        if (frame.WrittenCount > 0)
        {
            yield return frame;
        }
    }

    // The header is written and synced before the first frame, so a short file is one that a crash left at its making.
    private void Create(byte[] content)
    {
        byte[] header = JournalFormat.CreateFileHeader();
        if (content.AsSpan().ContainsAnyExcept((byte)0) && !"BERTHJ"u8.StartsWith(content.AsSpan(0, Math.Min(content.Length, 6))))
        {
            throw new EngineException(ErrorKind.Internal, $"{path} is not a metadata journal ({content.Length} bytes); move it away if the data root is to start empty");
        }

        FileData.SetLength(file, 0);
        FileData.WriteAt(file, header, 0);
        FileData.SyncData(file);
        SyncFolder();
        identity = JournalFormat.Identity(header);
        Length = LiveBytes = header.Length;
    }

    private void Replay(byte[] content)
    {
        if (!JournalFormat.IsFileHeader(content))
        {
            throw new EngineException(ErrorKind.Internal, $"{path} is not a metadata journal of this version (it begins with {Convert.ToHexStringLower(content.AsSpan(0, 8))})");
        }

        identity = JournalFormat.Identity(content);
        Length = JournalFormat.FileHeaderSize;
        LiveBytes = Length;
        while (Length < content.Length
            && JournalFormat.TryReadFrame(content.AsSpan((int)Length), identity, out ulong number, out ReadOnlySpan<byte> payload)
            && number == sequence + 1)
        {
            sequence = number;
            Length += JournalFormat.FrameHeaderSize + payload.Length;
            List<JournalChange> changes = [];
            while (!payload.IsEmpty)
            {
                changes.Add(JournalFormat.ReadChange(ref payload));
            }

            Apply(changes);
        }

        if (Length < content.Length)
        {
            RequireTornTail(content);
            CutBack();
            FileData.SyncData(file);
        }
    }

    private void RequireTornTail(byte[] content)
    {
        for (int at = (int)Length; at <= content.Length - JournalFormat.FrameHeaderSize; at++)
        {
            if (JournalFormat.TryReadFrame(content.AsSpan(at), identity, out ulong number, out _) && number > sequence)
            {
                throw new EngineException(
                    ErrorKind.Internal,
                    $"{path} is damaged at byte {Length}: record {sequence + 1} does not verify, but record {number} at byte {at} does. Restore the file from a backup; nothing was changed");
            }
        }
    }

    private void Apply(IEnumerable<JournalChange> changes)
    {
        State state = State;
        foreach (JournalChange change in changes)
        {
            ImmutableDictionary<string, byte[]> bucket = state.GetValueOrDefault(change.Bucket, ImmutableDictionary<string, byte[]>.Empty);
            if (bucket.TryGetValue(change.Key, out byte[]? old))
            {
                LiveBytes -= Weight(change, old);
            }

            if (change.Value is null)
            {
                bucket = bucket.Remove(change.Key);
            }
            else
            {
                bucket = bucket.SetItem(change.Key, change.Value);
                LiveBytes += Weight(change, change.Value);
            }

            state = bucket.IsEmpty ? state.Remove(change.Bucket) : state.SetItem(change.Bucket, bucket);
        }

        State = state;
    }

    private static long Weight(in JournalChange change, byte[] value) => 9 + change.Bucket.Length + change.Key.Length + value.Length;

    private void CutBack()
    {
        try
        {
            FileData.SetLength(file, Length);
        }
        catch (LinuxException)
        {
            // The half frame would come before the next one and make it unreadable: no further writes. Replay cuts it off.
            failed = true;
        }
    }

    private void SyncFolder()
    {
        try
        {
            FileData.Sync(folder);
        }
        catch (LinuxException e)
        {
            // Which of the two files a crash would leave under the name is unknown now.
            failed = true;
            throw Failure(e);
        }
    }

    private EngineException Failure(LinuxException e) =>
        new(ErrorKind.Internal, e.Errno is Errno.ENOSPC or Errno.EDQUOT ? $"{path}: no space left on device: free some on its file system and try again" : $"{path}: {e.Message}", e);
}
