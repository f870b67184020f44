using Berth.Model;

namespace Berth.Engine.Registries;

/// <summary>One line of what a pull or push tells while it works, in docker's words.</summary>
/// <param name="Status">What happens.</param>
/// <param name="Id">To what: the beginning of a layer's digest, or a tag; null for the whole.</param>
public sealed record TransferMessage(string Status, string? Id = null)
{
    /// <summary>Whether the step is one of a layer; such lines carry a progress, though it may be empty.</summary>
    public bool IsStep { get; init; }

    /// <summary>Bytes done; 0 with a <see cref="Total"/> of 0 where there is nothing to count.</summary>
    public long Done { get; init; }

    /// <summary>Bytes in all.</summary>
    public long Total { get; init; }

    /// <summary>The tag that was pushed; null in all other lines. The line has no other content then.</summary>
    public PushedTag? Pushed { get; init; }

    /// <summary>A step of a layer.</summary>
    public static TransferMessage Step(string status, Digest layer) => new(status, layer.Hex[..12]) { IsStep = true };

    /// <summary>A step of a layer that counts bytes.</summary>
    public static TransferMessage Step(string status, Digest layer, long done, long total) => new(status, layer.Hex[..12]) { IsStep = true, Done = done, Total = total };
}

/// <summary>What a registry has after a push.</summary>
/// <param name="Tag">The tag.</param>
/// <param name="Digest">Of the manifest or index.</param>
/// <param name="Size">Its bytes.</param>
public sealed record PushedTag(string Tag, Digest Digest, int Size);
