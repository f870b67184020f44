using Berth.RuntimeHost.CommandLine;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>checkpoint</c> and <c>restore</c>: known, and refused.</summary>
internal static class CheckpointVerbs
{
    public static Verb Checkpoint() => Make("checkpoint", "(not supported) save a running container");

    public static Verb Restore() => Make("restore", "(not supported) start a container from a checkpoint");

    // Their flags are not looked at, so that the answer is the same whatever they are.
    private static Verb Make(string name, string summary) => new(name, summary, "<container-id>", "", [], _ => throw Unsupported(name)) { TakesAnything = true };

    private static NotSupportedException Unsupported(string name) =>
        new($"{name} is not supported: {Program.Name} has no checkpoint and restore; stop the container and start a new one");
}
