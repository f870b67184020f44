using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>One object of the stream that <c>GET /events</c> answers with.</summary>
public sealed record EventMessage
{
    /// <summary>The action once more, for old clients; only events of containers and images have it.</summary>
    [JsonPropertyName("status")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Status { get; set; }

    /// <summary>The actor's id once more, for old clients.</summary>
    [JsonPropertyName("id")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Id { get; set; }

    /// <summary>A container's image once more, for old clients.</summary>
    [JsonPropertyName("from")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? From { get; set; }

    public string Type { get; set => field = value ?? ""; } = "";
    public string Action { get; set => field = value ?? ""; } = "";
    public EventActor Actor { get; set => field = value ?? new EventActor(); } = new();

    /// <summary><c>local</c> or <c>swarm</c>.</summary>
    [JsonPropertyName("scope")]
    public string Scope { get; set => field = value ?? ""; } = "";

    /// <summary>Seconds since 1970.</summary>
    [JsonPropertyName("time")]
    public long Time { get; set; }

    /// <summary>Nanoseconds since 1970.</summary>
    [JsonPropertyName("timeNano")]
    public long TimeNano { get; set; }
}

/// <summary>What an event happened to.</summary>
public sealed record EventActor
{
    public string ID { get; set => field = value ?? ""; } = "";

    /// <summary>Labels among them.</summary>
    public Dictionary<string, string> Attributes { get; set => field = value ?? []; } = [];
}
