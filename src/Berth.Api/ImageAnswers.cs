using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>One step of <c>GET /images/{name}/history</c>.</summary>
public sealed record ImageHistoryItem
{
    public string Comment { get; set => field = value ?? ""; } = "";

    /// <summary>Seconds since 1970.</summary>
    public long Created { get; set; }

    public string CreatedBy { get; set => field = value ?? ""; } = "";

    /// <summary><c>&lt;missing&gt;</c> where no image of this step is known.</summary>
    public string Id { get; set => field = value ?? ""; } = "";

    /// <summary>Bytes that the step added.</summary>
    public long Size { get; set; }

    public List<string>? Tags { get; set; }
}

/// <summary>Answer of <c>POST /images/prune</c>.</summary>
public sealed record ImagesPruneResponse
{
    public List<ImageDeleteItem>? ImagesDeleted { get; set; }

    /// <summary>Bytes.</summary>
    public long SpaceReclaimed { get; set; }
}
