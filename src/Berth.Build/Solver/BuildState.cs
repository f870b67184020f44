using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Build.Solver;

/// <summary>A root file system of a build: layers, lowest first.</summary>
public sealed record BuildState(IReadOnlyList<Digest> ChainIds, IReadOnlyList<Digest> DiffIds, IReadOnlyList<Digest> Blobs)
{
    /// <summary>No layer.</summary>
    public static BuildState Empty { get; } = new([], [], []);

    /// <summary>What tells it from all others: equal for equal layers.</summary>
    public string Identity => ChainIds.Count == 0 ? "scratch" : ChainIds[^1].ToString();

    /// <summary>With a layer on top.</summary>
    public BuildState With(BuiltLayer layer) => new([.. ChainIds, layer.ChainId], [.. DiffIds, layer.DiffId], [.. Blobs, layer.Blob]);
}

/// <summary>What a step came to.</summary>
/// <param name="State">The files after it.</param>
/// <param name="HasLayer">Whether it added a layer.</param>
/// <param name="Created">When it was done first.</param>
/// <param name="IsCached">Whether nothing had to be done.</param>
public sealed record StepResult(BuildState State, bool HasLayer, DateTimeOffset Created, bool IsCached);
