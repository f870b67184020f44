using Berth.Linux;
using Berth.Runtime.Host;
using Berth.Runtime.Shims.Protocol;

namespace Berth.Runtime.Shims.Server;

/// <summary>The ends of exec sessions and of the container.</summary>
public sealed partial class ShimServer
{
    // With a pid namespace of its own nothing outlives the first process. Others are killed, and get this long to go.
    private static readonly TimeSpan s_stragglers = TimeSpan.FromSeconds(2);

    private bool _initClosed;

    private void OnExecEnded(ProcessSession session)
    {
        ExecEntry entry = _execs[session.Id];
        entry.Exit = new ExitStatus(session.End?.ShellCode ?? 255, OomKilled: false, session.EndedAt);
        Broadcast(new FrameBuilder().String(session.Id).Exit(entry.Exit).Build(FrameType.ExecExited, 0).Span);
        if (_initClosed)
            CompleteWhenAlone();
    }

    private void OnExecClosed(ProcessSession session)
    {
        session.Streams.Finish();
        _execs[session.Id].Process?.Dispose();
        _endedExecs.Enqueue(session.Id);
        if (_endedExecs.Count > KeptEndedExecs)
            _ = _execs.Remove(_endedExecs.Dequeue());
    }

    private void OnInitEnded(ProcessSession session)
    {
        if (!HasOwnPidNamespace())
            Attempt(() => _container?.KillAll());
    }

    private void OnInitClosed(ProcessSession session)
    {
        _initClosed = true;
        _loop.After(s_stragglers, Complete);
        CompleteWhenAlone();
    }

    private void CompleteWhenAlone()
    {
        foreach (ExecEntry entry in _execs.Values)
        {
            if (entry.Session.IsRunning)
                return;
        }

        Complete();
    }

    // In this order: what is told or closed later can be relied on to find what was written earlier.
    private void Complete()
    {
        if (_over || _init?.End is not { } end)
            return;

        _log?.Dispose();
        bool oomKilled = false;
        Attempt(() => oomKilled = _container?.WasOomKilled() ?? false);
        _exit = new ExitStatus(end.ShellCode, oomKilled, _init.EndedAt);
        Attempt(() => ExitStatusFile.Complete(_exitFile ?? throw new InvalidOperationException("no exit file"), _exit));
        Attempt(() => _container?.RemoveCgroup());
        Unlisten();
        Broadcast(new FrameBuilder().Exit(_exit).Build(FrameType.Exited, 0).Span);
        _init.Streams.Finish();
        foreach (ExecEntry entry in _execs.Values)
            entry.Session.Streams.Finish();
        for (int i = _followers.Count - 1; i >= 0; i--)
            _followers[i].Close();
        _over = true;
    }

    private bool HasOwnPidNamespace() =>
        _spec?.Linux?.Namespaces is { } namespaces && namespaces.Any(static space => space is { Type: "pid", Path: null or "" });

    private void NotifyFollowers()
    {
        for (int i = _followers.Count - 1; i >= 0; i--)
            _followers[i].Notify();
    }

    private void Broadcast(ReadOnlySpan<byte> frame)
    {
        for (int i = _connections.Count - 1; i >= 0; i--)
        {
            if (i < _connections.Count && _connections[i].IsGreeted)
                _connections[i].Send(frame);
        }
    }

    // The end of a container goes on whatever fails in it; what failed is told on the error log that --debug gives a shim.
    private static void Attempt(Action step)
    {
        try
        {
            step();
        }
        catch (Exception e) when (e is LinuxException or ContainerStartException)
        {
            ErrorLog.Write(e.Message);
        }
    }

    private sealed class ExecEntry(ExecConfig config, ProcessSession session)
    {
        internal ExecConfig Config { get; } = config;

        internal ProcessSession Session { get; } = session;

        internal StartedProcess? Process { get; set; }

        internal ExitStatus? Exit { get; set; }
    }
}
