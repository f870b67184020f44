namespace Berth.Runtime.Init;

/// <summary>Where the process of a concurrent start waits for its parent (docs/runtime.md).</summary>
internal static class StartPoints
{
    /// <summary>In its new namespaces, whose maps and clocks are to be set from outside.</summary>
    public const byte Namespaces = 1;

    /// <summary>All mounts are done, the root is not entered.</summary>
    public const byte Root = 2;

    /// <summary>The terminal is open.</summary>
    public const byte Terminal = 3;

    /// <summary>The seccomp filter has a listener.</summary>
    public const byte Listener = 4;

    /// <summary>Everything but the program is done.</summary>
    public const byte Ready = 5;
}
