using System.Runtime.InteropServices;
using Berth.Linux;
using Berth.Linux.Events;
using Berth.Linux.Pipes;
using Berth.Linux.Signals;
using Berth.Linux.Terminal;
using Berth.RuntimeHost.CommandLine;

namespace Berth.RuntimeHost.Terminals;

/// <summary>
/// Stands before a process as if it were the process, from <see cref="Adopt"/> on: signals that come here go on to it, its terminal is shown on ours, and its exit status becomes ours.
/// </summary>
internal sealed class Foreground : IDisposable
{
    // PosixSignalRegistration has no real-time signals. SIGKILL and SIGSTOP cannot be had, SIGCHLD and SIGWINCH mean something to us, SIGURG is noise, the rest is about faults of our own.
    private static readonly int[] Forwarded = [1, 2, 3, 10, 12, 14, 15, 16, 18, 20, 21, 22, 24, 25, 26, 27, 29, 30];

    private const ulong ProcessToken = 1, MasterToken = 2;

    private readonly List<PosixSignalRegistration> registrations = [];
    private readonly bool reapOthers;
    private readonly Lock reaping = new();
    private readonly Lock forwarding = new();
    private readonly List<int> early = [];
    private int pid;
    private FileDescriptor? process;
    private FileDescriptor? master;
    private LocalTerminal? terminal;
    private bool isInPlace;
    private bool isReaping;
    private bool isOver;

    /// <param name="reapOthers">Whether orphans that become our children are reaped.</param>
    public Foreground(bool reapOthers) => this.reapOthers = reapOthers;

    /// <summary>From now on signals do not end this process: they are for the one that is to be adopted. For a process with a terminal, or one whose start takes long.</summary>
    public void Listen()
    {
        foreach (int signal in Forwarded)
            On((PosixSignal)signal, () => Forward(signal));
        if (reapOthers)
            On(PosixSignal.SIGCHLD, ReapOthers);
    }

    /// <summary>The same for a process without a terminal, which gets its signals from where they come: this thread is free to wait.</summary>
    public void ListenInPlace()
    {
        SignalForwarding.Begin(Forwarded);
        isInPlace = true;
    }

    /// <summary>Takes the process over; it gets what has come for it already.</summary>
    /// <param name="child">A child of ours.</param>
    /// <param name="pidFd">Pins it; the caller keeps it.</param>
    /// <param name="terminalMaster">Of its terminal, where it has one; the caller keeps it.</param>
    public void Adopt(int child, FileDescriptor pidFd, FileDescriptor? terminalMaster)
    {
        pid = child;
        master = terminalMaster;
        if (isInPlace)
            SignalForwarding.SetTarget(pidFd);
        lock (forwarding)
        {
            process = pidFd;
            foreach (int signal in early)
                Send(pidFd, signal);
        }

        if (master is not null)
            AdoptTerminal();
    }

    /// <summary>
    /// Reaps what is left to this process from now on, until <see cref="StopReaping"/>. Children that have an owner who waits for them, as hooks have, come before and after.
    /// </summary>
    public void StartReaping()
    {
        if (isInPlace)
            return; // the thread that waits does it
        SetReaping(true);
        ReapOthers();
    }

    /// <summary>The end of that.</summary>
    public void StopReaping() => SetReaping(false);

    /// <summary>Waits for the process's end; its status as shells have it. What comes for the process later is dropped.</summary>
    /// <exception cref="LinuxException">Waiting failed.</exception>
    public int Wait()
    {
        try
        {
            return WaitForEnd(process!); // there is one since Adopt
        }
        finally
        {
            SignalForwarding.End();
            lock (forwarding)
            {
                process = null;
                isOver = true;
            }
        }
    }

    private void SetReaping(bool value)
    {
        lock (reaping)
            isReaping = value;
    }

    private int WaitForEnd(FileDescriptor child)
    {
        if (isInPlace)
            ReapOthersUntilEnd();
        if (master is null)
            return ChildProcess.Reap(child).ShellCode; // closing an epoll instance would cost milliseconds

        using var poll = new EventPoll(4);
        poll.Add(child.Number, PollEvents.In, ProcessToken);
        DescriptorIo.SetNonBlocking(master.Number);
        poll.Add(master.Number, PollEvents.In, MasterToken);
        new Thread(CopyInput) { IsBackground = true }.Start();
        bool open = true;
        while (true)
        {
            int count = poll.Wait(-1);
            bool ended = false;
            for (int i = 0; i < count; i++)
            {
                ended |= poll[i].Token == ProcessToken;
                if (poll[i].Token == MasterToken && open && !CopyOutput())
                {
                    open = false;
                    poll.Remove(master.Number);
                }
            }

            if (ended && ChildProcess.TryReap(child) is { } end)
            {
                if (open)
                    _ = CopyOutput();
                return end.ShellCode;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        terminal?.Restore();
        foreach (PosixSignalRegistration registration in registrations)
            registration.Dispose();
    }

    private void On(PosixSignal signal, Action action) => registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        action();
    }));

    private void Forward(int signal)
    {
        lock (forwarding)
        {
            if (isOver)
                return;
            if (process is null)
                early.Add(signal);
            else
                Send(process, signal);
        }
    }

    private static void Send(FileDescriptor to, int signal)
    {
        try
        {
            _ = ChildProcess.Signal(to, signal);
        }
        catch (LinuxException e)
        {
            RuntimeLog.Debug($"signal {signal} did not reach the process: {e.Message}"); // it has become another user's
        }
    }

    private void AdoptTerminal()
    {
        if (LocalTerminal.IsTerminal(0))
            terminal = LocalTerminal.EnterRaw(0);
        Resize();
        On(PosixSignal.SIGWINCH, Resize);
    }

    /// <summary>The size of our terminal, for a process that is about to get one; null: we have none.</summary>
    public static WindowSize? OwnSize()
    {
        foreach (int fd in (ReadOnlySpan<int>)[0, 1, 2])
        {
            if (LocalTerminal.IsTerminal(fd))
                return WindowSize.Of(fd);
        }

        return null;
    }

    private void Resize()
    {
        try
        {
            OwnSize()?.ApplyTo(master!.Number); // called only where there is one
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // Ours hung up, or the process has just ended: no size to pass on.
        }
    }

    private void ReapOthersUntilEnd()
    {
        if (!reapOthers)
            return;
        for (int ended = ChildProcess.WaitForEnded(); ended != 0 && ended != pid; ended = ChildProcess.WaitForEnded())
            _ = ChildProcess.TryReap(ended);
    }

    // Signals come on threads of their own, several at a time.
    private void ReapOthers()
    {
        lock (reaping)
        {
            if (!isReaping || !reapOthers)
                return;
            for (int ended = ChildProcess.PeekEnded(); ended != 0 && ended != pid; ended = ChildProcess.PeekEnded())
                _ = ChildProcess.TryReap(ended);
        }
    }

    // Until there is nothing more for now; false at the end (EIO: the last process has closed the other side).
    private bool CopyOutput()
    {
        Span<byte> buffer = stackalloc byte[8192];
        var output = new StandardStream(1);
        while (true)
        {
            Errno errno = DescriptorIo.TryRead(master!.Number, buffer, out int count); // called only where there is one
            if (errno == Errno.EAGAIN)
                return true;
            if (errno != Errno.None || count == 0)
                return false;
            try
            {
                output.Write(buffer[..count]);
            }
            catch (LinuxException)
            {
                // Nobody reads us any more; the process must not wait for that.
            }
        }
    }

    private void CopyInput()
    {
        byte[] buffer = new byte[4096];
        var output = new StandardStream(master!.Number); // started only where there is one
        try
        {
            while (DescriptorIo.TryRead(0, buffer, out int count) == Errno.None && count > 0)
                output.Write(buffer.AsSpan(0, count));
        }
        catch (Exception e) when (e is LinuxException or ObjectDisposedException)
        {
            // The process has ended.
        }
    }
}
