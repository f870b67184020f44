using Berth.Linux;

namespace Berth.Runtime.Host;

/// <summary>A process that execve(2) has been reached in. A child of the calling process: the caller reaps it.</summary>
/// <param name="Pid">Its id as the caller sees it.</param>
/// <param name="PidFd">Pins it; becomes readable at its end (pidfd_open(2)).</param>
/// <param name="TerminalMaster">The master of its pseudo terminal, where one was asked for.</param>
public sealed record StartedProcess(int Pid, FileDescriptor PidFd, FileDescriptor? TerminalMaster) : IDisposable
{
    /// <summary>Closes both descriptors; the process is not touched.</summary>
    public void Dispose()
    {
        PidFd.Dispose();
        TerminalMaster?.Dispose();
    }
}
