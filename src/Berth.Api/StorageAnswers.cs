using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>Answer of <c>GET /berth/storage/usage</c>: bytes on the disk, blocks of files and folders, hard links once; together what du(1) says of the data root.</summary>
public sealed record StorageUsageAnswer
{
    public long Total { get; set; }
    public long Blobs { get; set; }
    public long Layers { get; set; }
    public long Containers { get; set; }
    public long Logs { get; set; }
    public long ContainerFiles { get; set; }
    public long Metadata { get; set; }
    public long Unfinished { get; set; }
    public long Trash { get; set; }
    public long Damaged { get; set; }

    /// <summary>The folder that this is about.</summary>
    public string DataRoot { get; set => field = value ?? ""; } = "";
}

/// <summary>One line of <c>POST /berth/storage/check</c>; exactly one member is set.</summary>
public sealed record StorageCheckLine
{
    public StorageFindingAnswer? Finding { get; set; }
    public StorageProgressAnswer? Progress { get; set; }

    /// <summary>The last line, unless the check itself failed.</summary>
    public StorageSummaryAnswer? Summary { get; set; }

    /// <summary>Why it could not be done.</summary>
    public string? Error { get; set; }
}

/// <summary>Something that is not as it should be.</summary>
public sealed record StorageFindingAnswer
{
    public string Kind { get; set => field = value ?? ""; } = "";

    /// <summary><c>broken</c>, <c>repaired</c>, <c>leftover</c> or <c>removed</c>.</summary>
    public string State { get; set => field = value ?? ""; } = "";
    public string Subject { get; set => field = value ?? ""; } = "";
    public string Text { get; set => field = value ?? ""; } = "";
    public string Advice { get; set => field = value ?? ""; } = "";
    public IReadOnlyList<string> Images { get; set => field = value ?? []; } = [];
    public IReadOnlyList<string> Containers { get; set => field = value ?? []; } = [];

    /// <summary>Bytes on the disk of what nothing needs.</summary>
    public long Bytes { get; set; }
}

/// <summary>How far a check is.</summary>
public sealed record StorageProgressAnswer
{
    public string Stage { get; set => field = value ?? ""; } = "";
    public int Done { get; set; }
    public int Total { get; set; }
}

/// <summary>What a check did.</summary>
public sealed record StorageSummaryAnswer
{
    public int Images { get; set; }
    public int Blobs { get; set; }
    public int Layers { get; set; }
    public int Containers { get; set; }
    public int UnprovenLayers { get; set; }
    public long BytesRead { get; set; }
    public int Broken { get; set; }
    public int Repaired { get; set; }
    public int Leftovers { get; set; }
    public int Removed { get; set; }
    public long LeftoverBytes { get; set; }
    public long RemovedBytes { get; set; }
}

/// <summary>Answer of <c>GET /berth/images/pins</c>, and what a pin or its end was about.</summary>
public sealed record ImagePinsAnswer
{
    /// <summary>Full names, or ids.</summary>
    public IReadOnlyList<string> Pins { get; set => field = value ?? []; } = [];
}

/// <summary>Body and answer of <c>POST /berth/images/missing</c>: blobs that are asked about, and those of them that no image has as a layer.</summary>
public sealed record ImageBlobList
{
    /// <summary>Digests.</summary>
    public IReadOnlyList<string> Blobs { get; set => field = value ?? []; } = [];
}

/// <summary>Answer of <c>POST /berth/storage/evict</c>: what went, or (dry run) would go.</summary>
public sealed record EvictionAnswer
{
    /// <summary>Bytes that the data root may take.</summary>
    public long Limit { get; set; }

    /// <summary>Bytes that it took before, and takes after.</summary>
    public long Used { get; set; }

    public long Left { get; set; }

    /// <summary>In the order in which they went.</summary>
    public IReadOnlyList<EvictedImageAnswer> Images { get; set => field = value ?? []; } = [];
}

/// <summary>An image that went.</summary>
public sealed record EvictedImageAnswer
{
    public string Id { get; set => field = value ?? ""; } = "";
    public IReadOnlyList<string> Names { get; set => field = value ?? []; } = [];

    /// <summary>Null when nobody knows.</summary>
    public DateTimeOffset? LastUsed { get; set; }
}

/// <summary>Serialisation of what docker's API does not have: the storage, and looks into images.</summary>
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true, GenerationMode = JsonSourceGenerationMode.Metadata, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StorageUsageAnswer))]
[JsonSerializable(typeof(StorageCheckLine))]
[JsonSerializable(typeof(ImageContentLine))]
[JsonSerializable(typeof(ImagePinsAnswer))]
[JsonSerializable(typeof(ImageBlobList))]
[JsonSerializable(typeof(EvictionAnswer))]
public sealed partial class StorageJsonContext : JsonSerializerContext;

/// <summary>The one instance of that serialisation.</summary>
public static class StorageJson
{
    /// <summary>Writes text outside ASCII as it is.</summary>
    public static StorageJsonContext Context { get; } = new(new JsonSerializerOptions
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNameCaseInsensitive = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    });
}
