namespace Berth.Cli.Flags;

/// <summary>A command line that cannot be run; <see cref="Exception.Message"/> is the whole text for stderr.</summary>
internal sealed class UsageException : Exception
{
    public UsageException(string message, int exitCode)
        : base(message) => ExitCode = exitCode;

    /// <summary>125 for a bad flag, 1 for bad arguments.</summary>
    public int ExitCode { get; }
}

/// <summary>A flag's value that is not what the flag takes; the message says what is wrong with it.</summary>
internal sealed class FlagValueException : Exception
{
    public FlagValueException(string message)
        : base(message)
    {
    }
}
