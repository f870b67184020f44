namespace Berth.Engine.Containers;

/// <summary>What a wait is for.</summary>
public enum WaitCondition
{
    /// <summary>The container is not running, now or as soon as it ends.</summary>
    NotRunning,

    /// <summary>The next end of a run.</summary>
    NextExit,

    /// <summary>The container's removal.</summary>
    Removed,
}

/// <summary>How a wait ended.</summary>
/// <param name="ExitCode">Of the run that ended, or the last one.</param>
/// <param name="Error">Why the container could not be started; empty otherwise.</param>
public readonly record struct WaitResult(int ExitCode, string Error);
