using Berth.Linux;
using Berth.Linux.Processes;
using Berth.Runtime.Host;

namespace Berth.Runtime.Init;

/// <summary>Names of the steps whose failure is the user's, and how it is told: in docker's words, which scripts look for.</summary>
internal static class StartSteps
{
    public const string WorkingFolder = "chdir:";
    public const string Stat = "stat:";
    public const string Search = "search:";
    public const string Execute = "execute:";

    private const string Unable = "unable to start container process: ";

    /// <summary>The exception for a failed step.</summary>
    /// <param name="failed">The step.</param>
    /// <param name="isExec">Whether a process was to be added to a running container.</param>
    public static ContainerStartException ToException(PlanFailedException failed, bool isExec)
    {
        (StartFailure failure, string text) = Describe(failed);
        return Create(failure, text, isExec, failed);
    }

    /// <summary>The exception for anything else that went wrong.</summary>
    public static ContainerStartException Create(StartFailure failure, string text, bool isExec, Exception? inner) =>
        new(failure, $"OCI runtime {(isExec ? "exec failed: exec failed: " : "create failed: ")}{Unable}{text}: unknown", inner);

    private static (StartFailure Failure, string Text) Describe(PlanFailedException failed)
    {
        string reason = LinuxException.Describe(failed.Errno);
        if (After(failed, WorkingFolder) is { } cwd)
            return (StartFailure.InvalidConfig, $"chdir to cwd (\"{cwd}\") set in config.json failed: {reason}");
        if (After(failed, Search) is { } name)
            return (StartFailure.CommandNotFound, $"exec: \"{name}\": executable file not found in $PATH");
        if (After(failed, Stat) is { } path)
        {
            return failed.Errno is Errno.ENOENT or Errno.ENOTDIR
                ? (StartFailure.CommandNotFound, $"exec: \"{path}\": stat {path}: {reason}")
                : (StartFailure.CommandNotExecutable, $"exec: \"{path}\": {reason}");
        }

        if (After(failed, Execute) is { } program)
        {
            return failed.Errno == Errno.EACCES
                ? (StartFailure.CommandNotExecutable, $"exec: \"{program}\": {reason}")
                : (failed.Errno == Errno.ENOENT ? StartFailure.CommandNotFound : StartFailure.CommandNotExecutable, $"exec {program}: {reason}");
        }

        return (StartFailure.Host, $"error during container init: {failed.Message}");
    }

    private static string? After(PlanFailedException failed, string prefix) =>
        failed.Step.StartsWith(prefix, StringComparison.Ordinal) ? failed.Step[prefix.Length..] : null;
}
