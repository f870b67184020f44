namespace Berth.Runtime.Host;

/// <summary>Why a process did not start, as far as callers act on it.</summary>
public enum StartFailure
{
    /// <summary>There is no such program (a shell's 127).</summary>
    CommandNotFound,

    /// <summary>There is one, but it cannot be executed (126).</summary>
    CommandNotExecutable,

    /// <summary>The configuration asks for something that does not exist or makes no sense.</summary>
    InvalidConfig,

    /// <summary>The host refused or failed.</summary>
    Host,
}

/// <summary>A container or an exec session did not start; nothing of it is left. The message is fit for users.</summary>
public sealed class ContainerStartException : Exception
{
    /// <param name="failure">The kind.</param>
    /// <param name="message">What failed, in the words that docker's users know where there are such.</param>
    /// <param name="inner">The cause, where there is one.</param>
    public ContainerStartException(StartFailure failure, string message, Exception? inner = null)
        : base(message, inner) => Failure = failure;

    /// <summary>The kind.</summary>
    public StartFailure Failure { get; }
}
