using Berth.Linux;

namespace Berth.Runtime.Host;

/// <summary>How <see cref="ContainerLauncher.Create"/> leaves the container waiting, and what the new process gets besides its streams.</summary>
public sealed record CreateOptions
{
    /// <summary>The FIFO of which the created process reads one byte before it executes its program; opened with O_RDWR, so that neither side waits for the other to open it.</summary>
    public required FileDescriptor StartFifo { get; init; }

    /// <summary>The FIFO in which the started process tells of a startContainer hook that failed (<see cref="HookReport"/>), opened with O_RDWR; null: nobody asks.</summary>
    public FileDescriptor? HookFifo { get; init; }

    /// <summary>Called when the process waits for nothing but its start: writes the state durably. An exception of it fails the start, and everything is undone.</summary>
    public required Action<CreatedContainer> OnReady { get; init; }

    /// <summary>Enters the root file system by MS_MOVE and chroot(2) instead of pivot_root(2), which an initramfs refuses. Less separation: for that case alone.</summary>
    public bool NoPivot { get; init; }

    /// <summary>So many descriptors of the caller, from 3 on, are the program's as well.</summary>
    public int PreserveFds { get; init; }

    /// <summary>Leaves the caller's session keyring to the program.</summary>
    public bool NoNewKeyring { get; init; }
}

/// <summary>
/// A container whose process waits for its start. The process is a child of the caller and outlives it. Disposing closes descriptors and touches no process.
/// </summary>
public sealed class CreatedContainer : IDisposable
{
    /// <summary>The process, as the caller sees it.</summary>
    public required int Pid { get; init; }

    /// <summary>Pins the process; readable at its end.</summary>
    public required FileDescriptor PidFd { get; init; }

    /// <summary>Field 22 of /proc/PID/stat: with the id it names one process for good.</summary>
    public required ulong StartTime { get; init; }

    /// <summary>The master of the process's terminal, where it has one.</summary>
    public FileDescriptor? TerminalMaster { get; init; }

    /// <summary>Its seccomp filter, for processes that are added later (<see cref="ExecTarget.Filter"/>); null: it has none.</summary>
    public Init.SeccompFilter? Filter { get; init; }

    /// <summary>Capabilities that were asked for and left out, as the host does not let the engine hand them on.</summary>
    public IReadOnlyList<string> MissingCapabilities { get; init; } = [];

    /// <inheritdoc/>
    public void Dispose()
    {
        PidFd.Dispose();
        TerminalMaster?.Dispose();
    }
}
