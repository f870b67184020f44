using System.Collections;
using System.Runtime.InteropServices;

namespace Berth.Linux.Processes;

/// <summary>
/// A program of somebody else's found in PATH, started by posix_spawn(3) with our environment, working directory and standard error: what a command line
/// calls for help (a keeper of passwords, ssh).
/// </summary>
public static partial class ChildProgram
{
    private const int X_OK = 1;

    /// <summary>
    /// Starts <paramref name="program"/>; every signal has its default action and none is blocked, all descriptors of ours but the given two and standard error
    /// are close-on-exec. The caller reaps it with <see cref="Signals.ChildProcess"/>, and closes its own copies of the descriptors.
    /// </summary>
    /// <param name="program">A name that is looked for in PATH, or a path.</param>
    /// <param name="arguments">Without the program's name.</param>
    /// <param name="input">Becomes its standard input.</param>
    /// <param name="output">Becomes its standard output; may be the same.</param>
    /// <param name="error">Becomes its standard error; null for ours.</param>
    /// <returns>The process id.</returns>
    /// <exception cref="LinuxException">ENOENT: there is no such program; EACCES: it may not be run; and others.</exception>
    public static int Start(string program, IReadOnlyList<string> arguments, FileDescriptor input, FileDescriptor output, FileDescriptor? error = null)
    {
        using FileDescriptor first = Pipes.DescriptorIo.Duplicate(input.Number, PosixSpawn.FirstFree);
        using FileDescriptor second = Pipes.DescriptorIo.Duplicate(output.Number, PosixSpawn.FirstFree);
        using FileDescriptor? third = error is null ? null : Pipes.DescriptorIo.Duplicate(error.Number, PosixSpawn.FirstFree);
        SpawnFile[] files = [new SpawnFile(0, first.Number), new SpawnFile(1, second.Number), .. third is null ? [] : (SpawnFile[])[new SpawnFile(2, third.Number)]];
        return PosixSpawn.Start(Find(program), [program, .. arguments], Environment(), hasOwnSession: false, files);
    }

    // By our own view of the environment, which the runtime keeps apart from libc's.
    private static string Find(string program)
    {
        if (program.Contains('/', StringComparison.Ordinal))
            return program;

        foreach (string folder in (System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'))
        {
            string candidate = Path.Combine(folder.Length == 0 ? "." : folder, program);
            if (File.Exists(candidate) && access(candidate, X_OK) == 0)
                return candidate;
        }

        throw new LinuxException(Errno.ENOENT, "posix_spawn", program);
    }

    private static List<string> Environment()
    {
        var entries = new List<string>();
        foreach (DictionaryEntry entry in System.Environment.GetEnvironmentVariables())
            entries.Add($"{entry.Key}={entry.Value}");

        return entries;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int access(string path, int mode);
}
