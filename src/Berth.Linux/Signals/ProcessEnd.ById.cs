namespace Berth.Linux.Signals;

public static unsafe partial class ChildProcess
{
    /// <summary>Waits for the end of a child and reaps it.</summary>
    /// <exception cref="LinuxException">ECHILD: no child of ours, or reaped before.</exception>
    public static ProcessEnd Reap(int pid) =>
        Reap(P_PID, pid, 0) ?? throw new InvalidOperationException("waitid(2) returned without a child, though it was to wait for one");
}
