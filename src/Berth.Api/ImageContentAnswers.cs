namespace Berth.Api;

/// <summary>One line of <c>GET /berth/images/diff</c> and <c>GET /berth/images/tree</c>; exactly one member is set.</summary>
public sealed record ImageContentLine
{
    public ImageStepAnswer? Step { get; set; }
    public ImageChangeAnswer? Change { get; set; }

    /// <summary>At the end of a layer, or of the comparison.</summary>
    public ImageTotalsAnswer? Totals { get; set; }

    /// <summary>Why it could not be gone on.</summary>
    public string? Error { get; set; }
}

/// <summary>One step of an image.</summary>
public sealed record ImageStepAnswer
{
    /// <summary>The number of its layer, from 1; 0 for a step without.</summary>
    public int Layer { get; set; }
    public string DiffId { get; set => field = value ?? ""; } = "";
    public string Blob { get; set => field = value ?? ""; } = "";

    /// <summary>Bytes that the layer adds.</summary>
    public long Size { get; set; }
    public string CreatedBy { get; set => field = value ?? ""; } = "";
    public DateTimeOffset? Created { get; set; }

    /// <summary>Of a comparison: <c>both</c>, <c>first</c> or <c>second</c>, the image that has the layer.</summary>
    public string? In { get; set; }
}

/// <summary>A file that a layer or an image has otherwise.</summary>
public sealed record ImageChangeAnswer
{
    /// <summary>0 changed, 1 added, 2 deleted: as in the changes of containers.</summary>
    public int Kind { get; set; }

    /// <summary>Bytes that cannot be printed are <c>\xNN</c>, a backslash is two.</summary>
    public string Path { get; set => field = value ?? ""; } = "";
    public string Type { get; set => field = value ?? ""; } = "";
    public long Size { get; set; }
    public long OldSize { get; set; }

    /// <summary>The layer that made it so.</summary>
    public int Layer { get; set; }

    /// <summary>Further changes below it that are not told one by one; their sizes are in its own.</summary>
    public int Below { get; set; }
}

/// <summary>What changes come to.</summary>
public sealed record ImageTotalsAnswer
{
    /// <summary>The layer; 0 of a comparison.</summary>
    public int Layer { get; set; }
    public int Added { get; set; }
    public int Changed { get; set; }
    public int Removed { get; set; }
    public long AddedBytes { get; set; }
    public long RemovedBytes { get; set; }
}
