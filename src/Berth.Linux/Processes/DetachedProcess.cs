namespace Berth.Linux.Processes;

/// <summary>Starts a process of our own in a session of its own.</summary>
public static class DetachedProcess
{
    private const int O_RDONLY = 0, O_WRONLY = 1, O_CREAT = 0x40, O_APPEND = 0x400;
    private const string Null = "/dev/null";

    /// <summary>The number under which the child finds the inherited descriptor.</summary>
    public const int InheritedNumber = 3;

    /// <summary>
    /// Starts <paramref name="executable"/>: descriptor 3 is a copy of <paramref name="inherited"/>, 0 to 2 are the null device
    /// (2 is <paramref name="errorLog"/>, appended, when given), all other descriptors of ours are close-on-exec; every signal has its
    /// default action and none is blocked. The caller reaps it with <see cref="Signals.ChildProcess"/>.
    /// </summary>
    /// <param name="executable">Kept open by the caller; executed through /proc/self/fd.</param>
    /// <param name="environment">The whole environment, <c>NAME=value</c>.</param>
    /// <returns>The process id.</returns>
    /// <exception cref="LinuxException">posix_spawn failed.</exception>
    public static int Start(
        FileDescriptor executable, IReadOnlyList<string> arguments, IReadOnlyList<string> environment, FileDescriptor inherited, string? errorLog)
    {
        using FileDescriptor source = Pipes.DescriptorIo.Duplicate(inherited.Number, PosixSpawn.FirstFree);
        using FileDescriptor program = Pipes.DescriptorIo.Duplicate(executable.Number, PosixSpawn.FirstFree);
        return PosixSpawn.Start(
            $"/proc/self/fd/{program.Number}",
            arguments,
            environment,
            hasOwnSession: true,
            [
                new SpawnFile(0, -1, Null, O_RDONLY),
                new SpawnFile(1, -1, Null, O_WRONLY),
                new SpawnFile(2, -1, errorLog ?? Null, O_WRONLY | O_CREAT | O_APPEND),
                new SpawnFile(InheritedNumber, source.Number),
            ]);
    }
}
