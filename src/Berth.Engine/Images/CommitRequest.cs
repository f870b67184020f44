using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Engine.Images;

/// <summary>What a client asks of a commit.</summary>
public sealed record CommitRequest
{
    /// <summary>The container, by name, id or the beginning of an id.</summary>
    public required string Container { get; init; }

    /// <summary>The name that shall lead to the image; null for none.</summary>
    public ImageReference? Reference { get; init; }

    /// <summary>Why.</summary>
    public string Comment { get; init; } = "";

    /// <summary>Who.</summary>
    public string Author { get; init; } = "";

    /// <summary>Whether the container stands still meanwhile.</summary>
    public bool Pause { get; init; } = true;

    /// <summary>What the image's containers shall get instead of what this container has; null for all as it is.</summary>
    public ImageRunConfig? Config { get; init; }

    /// <summary>Dockerfile instructions that change that.</summary>
    public IReadOnlyList<string> Changes { get; init; } = [];
}
