namespace Berth.Runtime.Shims;

/// <summary>Why a shim refused.</summary>
public enum ShimFailure
{
    /// <summary>The request makes no sense: bad arguments, malformed JSON, versions that do not match.</summary>
    InvalidRequest = 1,

    /// <summary>The container or exec session is not in the state that the request needs.</summary>
    WrongState = 2,

    /// <summary>No exec session of that id.</summary>
    NotFound = 3,

    /// <summary>The command does not exist in the container (127).</summary>
    CommandNotFound = 4,

    /// <summary>The command cannot be executed (126).</summary>
    CommandNotExecutable = 5,

    /// <summary>The configuration asks for what cannot be.</summary>
    InvalidConfig = 6,

    /// <summary>The host refused or failed.</summary>
    Host = 7,

    /// <summary>The connection to the shim was lost before the answer came.</summary>
    ConnectionLost = 8,
}
