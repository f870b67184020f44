using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>One line of <c>GET /containers/{id}/changes</c>.</summary>
public sealed record ContainerChange
{
    public string Path { get; set => field = value ?? ""; } = "";

    /// <summary>0 modified, 1 added, 2 deleted.</summary>
    public int Kind { get; set; }
}

/// <summary>What a path in a container is: the header <c>X-Docker-Container-Path-Stat</c>, in base64.</summary>
public sealed record ContainerPathStat
{
    [JsonPropertyName("name")]
    public string Name { get; set => field = value ?? ""; } = "";

    [JsonPropertyName("size")]
    public long Size { get; set; }

    /// <summary>Go's os.FileMode.</summary>
    [JsonPropertyName("mode")]
    public uint Mode { get; set; }

    /// <summary>RFC 3339 with nanoseconds.</summary>
    [JsonPropertyName("mtime")]
    public string Mtime { get; set => field = value ?? ""; } = "";

    [JsonPropertyName("linkTarget")]
    public string LinkTarget { get; set => field = value ?? ""; } = "";
}
