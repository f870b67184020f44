namespace Berth.Runtime.Shims;

/// <summary>Which streams of a process an attachment carries.</summary>
[Flags]
public enum AttachStreams
{
    None = 0,
    Stdin = 1,
    Stdout = 2,
    Stderr = 4,
}
