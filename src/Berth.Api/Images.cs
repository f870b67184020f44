using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>One image of <c>GET /images/json</c>.</summary>
public sealed record ImageSummary
{
    /// <summary>How many containers use it; -1 when not asked for.</summary>
    public long Containers { get; set; } = -1;

    /// <summary>Seconds since 1970.</summary>
    public long Created { get; set; }

    public string Id { get; set => field = value ?? ""; } = "";
    public Dictionary<string, string>? Labels { get; set; }
    public string ParentId { get; set => field = value ?? ""; } = "";
    public List<string>? RepoDigests { get; set; } = [];
    public List<string>? RepoTags { get; set; } = [];

    /// <summary>Bytes shared with other images; -1 when not asked for.</summary>
    public long SharedSize { get; set; } = -1;

    /// <summary>Bytes of all layers, unpacked.</summary>
    public long Size { get; set; }

    /// <summary>The same as <see cref="Size"/>; only below API 1.44.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long VirtualSize { get; set; }

    /// <summary>Only when asked for, since API 1.47; <see cref="Size"/> and <see cref="Containers"/> then count all that these take and use.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<ImageManifestSummary>? Manifests { get; set; }
}

/// <summary>Answer of <c>GET /images/{name}/json</c>. Members that older API versions had are absent when null.</summary>
public record ImageInspect
{
    public string Id { get; set => field = value ?? ""; } = "";

    /// <summary>Only when asked for, since API 1.48.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<ImageManifestSummary>? Manifests { get; set; }

    public List<string> RepoTags { get; set => field = value ?? []; } = [];
    public List<string> RepoDigests { get; set => field = value ?? []; } = [];
    public string Parent { get; set => field = value ?? ""; } = "";
    public string Comment { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Created { get; set; }

    /// <summary>Only below API 1.45.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Container { get; set; }

    /// <summary>Only below API 1.45.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ContainerConfig? ContainerConfig { get; set; }

    public string DockerVersion { get; set => field = value ?? ""; } = "";
    public string Author { get; set => field = value ?? ""; } = "";
    public ImageRunConfigInfo? Config { get; set; }
    public string Architecture { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; set; }

    public string Os { get; set => field = value ?? ""; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OsVersion { get; set; }

    /// <summary>Bytes of all layers, unpacked.</summary>
    public long Size { get; set; }

    /// <summary>The same as <see cref="Size"/>; only below API 1.44.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long VirtualSize { get; set; }

    public DriverData? GraphDriver { get; set; }
    public ImageRootfsInfo RootFS { get; set => field = value ?? new ImageRootfsInfo(); } = new();
    public ImageMetadata Metadata { get; set => field = value ?? new ImageMetadata(); } = new();
}

/// <summary>The answer below API 1.50, which shows an image's defaults in the form of a container's.</summary>
public sealed record LegacyImageInspect : ImageInspect
{
    public new ContainerConfig? Config { get; set; }
}

/// <summary>What an image says about how to run it, as inspect shows it since API 1.50: unset members are absent.</summary>
public sealed record ImageRunConfigInfo
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? User { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, EmptyObject>? ExposedPorts { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? Env { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? Entrypoint { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? Cmd { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, EmptyObject>? Volumes { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? WorkingDir { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public Dictionary<string, string>? Labels { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? StopSignal { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool ArgsEscaped { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public HealthConfig? Healthcheck { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? OnBuild { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? Shell { get; set; }
}

/// <summary>An image's layers as diff ids, lowest first.</summary>
public sealed record ImageRootfsInfo
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Type { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? Layers { get; set; }
}

/// <summary>What this engine remembers about an image.</summary>
public sealed record ImageMetadata
{
    /// <summary>RFC 3339; the zero time when the image never got a name here.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? LastTagTime { get; set; }
}

/// <summary>One step of <c>DELETE /images/{name}</c>: a name removed or content deleted.</summary>
public sealed record ImageDeleteItem
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Untagged { get; set; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Deleted { get; set; }
}

/// <summary>One line of a progress stream (<c>POST /images/create</c>), ended by CR LF on the wire.</summary>
public sealed record JsonMessage
{
    [JsonPropertyName("stream")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Stream { get; set; }

    [JsonPropertyName("status")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Status { get; set; }

    [JsonPropertyName("progressDetail")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonProgress? ProgressDetail { get; set; }

    [JsonPropertyName("progress")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Progress { get; set; }

    [JsonPropertyName("id")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id { get; set; }

    [JsonPropertyName("errorDetail")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonErrorDetail? ErrorDetail { get; set; }

    /// <summary>The message of <see cref="ErrorDetail"/> once more, for old clients.</summary>
    [JsonPropertyName("error")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Error { get; set; }

    /// <summary>What a program wants to know beside the text: the digest that a push made, for one.</summary>
    [JsonPropertyName("aux")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Aux { get; set; }
}

/// <summary>How far a step is.</summary>
public sealed record JsonProgress
{
    [JsonPropertyName("current")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long Current { get; set; }

    [JsonPropertyName("total")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long Total { get; set; }

    /// <summary>When the step began, in seconds since 1970; 0 when it is not told.</summary>
    [JsonPropertyName("start")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long Start { get; set; }

    /// <summary>Whether the bar is shown without numbers.</summary>
    [JsonPropertyName("hidecounts")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool HidesCounts { get; set; }

    /// <summary>What is counted; null for bytes.</summary>
    [JsonPropertyName("units")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Units { get; set; }
}

/// <summary>Why a streamed operation failed.</summary>
public sealed record JsonErrorDetail
{
    [JsonPropertyName("code")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Code { get; set; }

    [JsonPropertyName("message")]
    public string? Message { get; set; }
}
