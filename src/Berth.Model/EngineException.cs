namespace Berth.Model;

/// <summary>The closed set of ways in which the engine refuses or fails. Each maps to one HTTP status (Berth.Daemon) and back (Berth.Client).</summary>
public enum ErrorKind
{
    /// <summary>The request is malformed or contradicts itself (400).</summary>
    InvalidArgument,

    /// <summary>The credentials are missing or wrong (401).</summary>
    Unauthorized,

    /// <summary>The caller is not allowed to do this (403).</summary>
    Forbidden,

    /// <summary>The named thing does not exist (404).</summary>
    NotFound,

    /// <summary>The thing's present state or another thing's name rules the operation out (409).</summary>
    Conflict,

    /// <summary>The thing already is as asked (304); carries no message on the wire.</summary>
    NotModified,

    /// <summary>The request's body exceeds a limit (413).</summary>
    TooLarge,

    /// <summary>The feature exists in the API but not in this build (501); the message names it.</summary>
    NotImplemented,

    /// <summary>The daemon is shutting down or a needed part does not answer (503).</summary>
    Unavailable,

    /// <summary>The host refused or failed: no space, a kernel error, a broken file (500).</summary>
    Internal,
}

/// <summary>The one exception that crosses a service's edge: what failed, which thing, got and wanted.</summary>
public sealed class EngineException : Exception
{
    /// <param name="kind">What the caller can do about it.</param>
    /// <param name="message">One sentence a user understands: what, which one, and what to do next.</param>
    /// <param name="inner">The cause, where there is one.</param>
    public EngineException(ErrorKind kind, string message, Exception? inner = null)
        : base(message, inner) => Kind = kind;

    /// <summary>What the caller can do about it.</summary>
    public ErrorKind Kind { get; }

    /// <summary>Whether content came that is not what its digest says: nothing of it is of any use.</summary>
    public bool IsWrongContent { get; init; }
}
