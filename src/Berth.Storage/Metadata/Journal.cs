using System.Buffers;
using System.Collections.Immutable;
using System.Threading.Channels;
using Berth.Model;

namespace Berth.Storage.Metadata;

/// <summary>
/// The daemon's durable state: values by bucket and key in one append-only file. Reads are from memory and never wait. A commit is atomic, and
/// on the disk when it returns; commits that wait at the same time share one sync. Safe for concurrent use.
/// </summary>
public sealed class Journal : IAsyncDisposable
{
    private const long CompactFrom = 1 << 20;
    private readonly JournalFile file;
    private readonly Channel<Pending> queue = Channel.CreateUnbounded<Pending>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task writer;
    private ImmutableDictionary<string, ImmutableDictionary<string, byte[]>> state;
    private long nextCompaction = CompactFrom;

    private Journal(JournalFile file)
    {
        this.file = file;
        state = file.State;
        writer = Task.Run(WriteAsync);
    }

    /// <summary>
    /// Whether a sync has failed: no commit is accepted any more, and whether the last ones are on the disk only the next start tells.
    /// </summary>
    public bool HasFailed => file.HasFailed;

    /// <summary>Opens and replays the journal below <paramref name="root"/>; makes it when there is none. A tail that a crash left half written is cut off.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/> when acknowledged data is damaged; the file is left as it is.</exception>
    public static Journal Open(StorageRoot root)
    {
        try
        {
            return new Journal(JournalFile.Open(root.PathOf("metadata")));
        }
        catch (IOException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the metadata journal cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>The committed values of <paramref name="bucket"/> by key: an immutable snapshot. The arrays must not be changed.</summary>
    public IReadOnlyDictionary<string, byte[]> Read(string bucket) =>
        Volatile.Read(ref state).GetValueOrDefault(bucket, ImmutableDictionary<string, byte[]>.Empty);

    /// <summary>
    /// Commits all of <paramref name="changes"/> or none, in order with other commits; they are durable and visible to <see cref="Read"/> when it
    /// returns. Cancelling counts only until the batch is queued: after that its outcome is always awaited, as it may already be on the disk.
    /// </summary>
    /// <exception cref="EngineException">
    /// <see cref="ErrorKind.Internal"/> when the disk refuses (nothing is committed, unless the sync itself failed);
    /// <see cref="ErrorKind.Unavailable"/> after a failed sync or when the journal is closed; <see cref="ErrorKind.TooLarge"/> above 64 MiB.
    /// </exception>
    public async ValueTask CommitAsync(IReadOnlyList<JournalChange> changes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (changes.Count == 0)
        {
            return;
        }

        ArrayBufferWriter<byte> payload = new();
        foreach (JournalChange change in changes)
        {
            JournalFormat.WriteChange(payload, change);
        }

        if (payload.WrittenCount > JournalFormat.MaxPayload)
        {
            throw new EngineException(ErrorKind.TooLarge, $"a commit of {payload.WrittenCount} bytes is larger than {JournalFormat.MaxPayload}");
        }

        Pending pending = new(changes, payload.WrittenMemory);
        if (!queue.Writer.TryWrite(pending))
        {
            throw new EngineException(ErrorKind.Unavailable, "the metadata journal is closed: the daemon is shutting down");
        }

        await pending.Done.Task;
    }

    /// <summary>Commits what is queued, then closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await writer;
        file.Dispose();
    }

    private async Task WriteAsync()
    {
        List<Pending> group = [];
        ArrayBufferWriter<byte> frame = new();
        Pending? held = null;
        while (held is not null || await queue.Reader.WaitToReadAsync())
        {
            group.Clear();
            frame.ResetWrittenCount();
            JournalFormat.BeginFrame(frame);
            while (held is not null || queue.Reader.TryRead(out held))
            {
                if (group.Count > 0 && frame.WrittenCount + held.Payload.Length > JournalFormat.MaxPayload)
                {
                    break;
                }

                frame.Write(held.Payload.Span);
                group.Add(held);
                held = null;
            }

            WriteGroup(group, frame);
        }
    }

    private void WriteGroup(List<Pending> group, ArrayBufferWriter<byte> frame)
    {
        try
        {
            file.Append(frame, group.SelectMany(static pending => pending.Changes));
            Volatile.Write(ref state, file.State);
        }
        catch (Exception e)
        {
            foreach (Pending pending in group)
            {
                pending.Done.SetException(e);
            }

            return;
        }

        foreach (Pending pending in group)
        {
            pending.Done.SetResult();
        }

        if (file.Length >= nextCompaction && file.LiveBytes * 2 <= file.Length)
        {
            CompactOrPostpone();
        }
    }

    private void CompactOrPostpone()
    {
        try
        {
            file.Compact();
            nextCompaction = CompactFrom;
        }
        catch (Exception e) when (e is EngineException or IOException)
        {
            // The old file stays valid and in use; a disk that is too full for a second file gets another chance when the file has doubled.
            nextCompaction = file.Length * 2;
        }
    }

    private sealed record Pending(IReadOnlyList<JournalChange> Changes, ReadOnlyMemory<byte> Payload)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
