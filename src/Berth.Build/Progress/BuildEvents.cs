using Berth.Model;

namespace Berth.Build.Progress;

/// <summary>One step of a build as it is told: a vertex of its graph.</summary>
/// <param name="Digest">What the step is, whoever builds it; unique within a build.</param>
/// <param name="Number">Its place in the file, from 1.</param>
/// <param name="Total">How many there are.</param>
/// <param name="Name">What people see: the stage, and the instruction on one line.</param>
/// <param name="Text">The instruction as written.</param>
/// <param name="Inputs">The steps that it waits for.</param>
public sealed record BuildVertex(Digest Digest, int Number, int Total, string Name, string Text, IReadOnlyList<Digest> Inputs)
{
    /// <summary>Whether the step does more than change the image's configuration.</summary>
    public bool HasFiles { get; init; }
}

/// <summary>What happens in a build. Events of one step come in order, those of different steps as they happen.</summary>
/// <param name="Vertex">The step.</param>
/// <param name="At">When.</param>
public abstract record BuildEvent(BuildVertex Vertex, DateTimeOffset At);

/// <summary>The step is being worked on.</summary>
public sealed record VertexStarted(BuildVertex Vertex, DateTimeOffset At) : BuildEvent(Vertex, At);

/// <summary>A process of the step runs.</summary>
/// <param name="Vertex">The step.</param>
/// <param name="At">When.</param>
/// <param name="Id">Its container's id, of which there is no record.</param>
public sealed record VertexRunning(BuildVertex Vertex, DateTimeOffset At, ContainerId Id) : BuildEvent(Vertex, At);

/// <summary>A part of the step is as far.</summary>
/// <param name="Vertex">The step.</param>
/// <param name="At">When.</param>
/// <param name="Name">The part.</param>
/// <param name="Status">Docker's word for what is done with it.</param>
/// <param name="Done">Bytes.</param>
/// <param name="Total">Bytes; 0 when that is not known.</param>
public sealed record VertexStatus(BuildVertex Vertex, DateTimeOffset At, string Name, string Status, long Done, long Total) : BuildEvent(Vertex, At);

/// <summary>Output of the step.</summary>
/// <param name="Vertex">The step.</param>
/// <param name="At">When.</param>
/// <param name="IsError">Whether it was written to the standard error.</param>
/// <param name="Data">Bytes as they came.</param>
public sealed record VertexLog(BuildVertex Vertex, DateTimeOffset At, bool IsError, ReadOnlyMemory<byte> Data) : BuildEvent(Vertex, At);

/// <summary>Something to be told with the step, in docker's words.</summary>
public sealed record VertexNotice(BuildVertex Vertex, DateTimeOffset At, string Text) : BuildEvent(Vertex, At);

/// <summary>The step has ended.</summary>
/// <param name="Vertex">The step.</param>
/// <param name="At">When.</param>
/// <param name="IsCached">Whether nothing had to be done.</param>
/// <param name="Image">Id of the image that the build has become with it; the empty digest after <c>FROM scratch</c> and after a failure.</param>
/// <param name="Error">Why it failed; null if it did not.</param>
public sealed record VertexCompleted(BuildVertex Vertex, DateTimeOffset At, bool IsCached, Digest Image, string? Error) : BuildEvent(Vertex, At);

/// <summary>Is told what happens in a build.</summary>
public interface IBuildProgress
{
    /// <summary>Called from any thread, also from several at a time; must not block for long.</summary>
    void Report(BuildEvent what);
}
