using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>Answer of <c>GET /system/df</c>; lists that were not asked for are null.</summary>
public sealed record DiskUsageResponse
{
    /// <summary>Bytes of all layers, each counted once.</summary>
    public long LayersSize { get; set; }

    public List<ImageSummary>? Images { get; set; }
    public List<ContainerSummary>? Containers { get; set; }
    public List<DiskUsageItem>? Volumes { get; set; }
    public List<BuildCacheRecord>? BuildCache { get; set; }

    /// <summary>Only below API 1.42.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? BuilderSize { get; set; }
}

/// <summary>A volume; there are none in this build.</summary>
public sealed record DiskUsageItem;
