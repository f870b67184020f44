using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Signals;

namespace Berth.Runtime.Shims.Server;

/// <summary>
/// One process of the container, the first or an exec session: created, running, ended, closed. It is ended when the process was reaped, and
/// closed when besides its output was read to the end (or <see cref="Grace"/> has passed since, for output that something else keeps open).
/// </summary>
internal sealed class ProcessSession : LoopSource
{
    /// <summary>How long after the end of a process its output may stay open in other processes' hands.</summary>
    internal static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);

    private readonly EventLoop _loop;
    private FileDescriptor? _pidFd;
    private bool _closed;

    internal ProcessSession(EventLoop loop, string id, ProcessStreams streams)
    {
        _loop = loop;
        Id = id;
        Streams = streams;
        streams.OutputEnded = CloseWhenComplete;
    }

    /// <summary>The exec session's id; empty for the container's first process.</summary>
    internal string Id { get; }

    internal ProcessStreams Streams { get; }

    internal int Pid { get; private set; }

    internal DateTimeOffset? StartedAt { get; private set; }

    internal ProcessEnd? End { get; private set; }

    internal DateTimeOffset EndedAt { get; private set; }

    internal bool IsRunning => StartedAt is not null && End is null;

    /// <summary>Called once, when the process was reaped.</summary>
    internal Action<ProcessSession> Ended { get; set; } = static _ => { };

    /// <summary>Called once, when it has ended and its output is complete.</summary>
    internal Action<ProcessSession> Closed { get; set; } = static _ => { };

    /// <summary>The process runs; <paramref name="pidFd"/> stays the caller's to dispose, after the end.</summary>
    internal void Begin(int pid, FileDescriptor pidFd, FileDescriptor? terminalMaster)
    {
        Pid = pid;
        StartedAt = DateTimeOffset.UtcNow;
        _pidFd = pidFd;
        _loop.Add(this, pidFd.Number, PollEvents.In);
        Streams.Begin(terminalMaster);
    }

    /// <summary>Sends a signal; false when the process has ended.</summary>
    internal bool Signal(int signal) => _pidFd is not null && ChildProcess.Signal(_pidFd, signal);

    internal override void OnReady(PollEvents events)
    {
        if (_pidFd is null || ChildProcess.TryReap(_pidFd) is not { } end)
            return;
        Finish(end);
    }

    // The process cannot be waited for: it is gone, and how it ended is not known. 255 says so without looking like success.
    internal override void OnFailure(Exception exception) => Finish(new ProcessEnd(255, Signaled: false));

    private void Finish(ProcessEnd end)
    {
        if (End is not null)
            return;
        End = end;
        EndedAt = DateTimeOffset.UtcNow;
        _loop.Remove(this);
        Ended(this);
        Streams.Drain();
        CloseWhenComplete();
        if (!_closed)
            _loop.After(Grace, Streams.CloseOutput);
    }

    private void CloseWhenComplete()
    {
        if (_closed || End is null || !Streams.IsOutputEnded)
            return;
        _closed = true;
        Closed(this);
    }
}
