using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>What a build tells programs.</summary>
public sealed record BuildResultAux
{
    /// <summary>The image's id.</summary>
    [JsonPropertyName("ID")]
    public string Id { get; set; } = "";
}

/// <summary>What was kept of a build for later ones.</summary>
public sealed record BuildCacheRecord
{
    [JsonPropertyName("ID")]
    public string Id { get; set; } = "";

    /// <summary>Docker's word for the kind, such as <c>regular</c>.</summary>
    public string Type { get; set; } = "";

    /// <summary>What was done.</summary>
    public string Description { get; set; } = "";

    /// <summary>Whether a build works on it.</summary>
    public bool InUse { get; set; }

    /// <summary>Whether an image has it too.</summary>
    public bool Shared { get; set; }

    /// <summary>Bytes that it adds to what it was made on.</summary>
    public long Size { get; set; }

    public string CreatedAt { get; set; } = "";

    /// <summary>Null if no build took it from here.</summary>
    public string? LastUsedAt { get; set; }

    public int UsageCount { get; set; }
}

/// <summary>Answer of <c>POST /build/prune</c>.</summary>
public sealed record BuildPruneAnswer
{
    /// <summary>Ids of what went; null for nothing.</summary>
    public List<string>? CachesDeleted { get; set; }

    /// <summary>Bytes that are free now.</summary>
    public long SpaceReclaimed { get; set; }
}

/// <summary>What only a build's steps may know, in front of its context.</summary>
public sealed record BuildSecrets
{
    /// <summary>Contents by id.</summary>
    public Dictionary<string, byte[]?>? Secrets { get; set; }
}
