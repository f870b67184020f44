using System.Text.Json.Serialization;
using Berth.Model;

namespace Berth.Registry;

/// <summary>A manifest or index as a registry served it.</summary>
/// <param name="Digest">Of <paramref name="Content"/>, computed.</param>
/// <param name="MediaType">The document's own, else the registry's word for it.</param>
/// <param name="Content">As received.</param>
public sealed record RemoteDocument(Digest Digest, string MediaType, byte[] Content);

/// <summary>How a blob is read.</summary>
public sealed record BlobRead
{
    /// <summary>The byte to begin with; what lies before is not fetched.</summary>
    public long Offset { get; init; }

    /// <summary>Whether the stream checks the digest; only where the reading begins with the first byte; what comes from a mirror it checks in any case.</summary>
    public bool Verifies { get; init; } = true;

    /// <summary>Told how many bytes of the blob are there, in total, as they come; calls do not overlap.</summary>
    public Action<long>? Received { get; init; }
}

/// <summary>What became of a blob that was pushed.</summary>
public enum BlobPushOutcome
{
    /// <summary>It was sent.</summary>
    Uploaded,

    /// <summary>The repository had it.</summary>
    Existed,

    /// <summary>The registry took it over from another of its repositories.</summary>
    Mounted,
}

/// <summary>What became of a blob that was pushed.</summary>
/// <param name="Outcome">Which way it came.</param>
/// <param name="MountedFrom">The path of the repository it was taken over from.</param>
public sealed record BlobPush(BlobPushOutcome Outcome, string? MountedFrom);

/// <summary>A repository that a search found.</summary>
public sealed record SearchHit
{
    [JsonPropertyName("name")] public string Name { get => field ?? ""; init; }
    [JsonPropertyName("description")] public string Description { get => field ?? ""; init; }
    [JsonPropertyName("star_count")] public int StarCount { get; init; }
    [JsonPropertyName("is_official")] public bool IsOfficial { get; init; }
    [JsonPropertyName("is_automated")] public bool IsAutomated { get; init; }
}

internal sealed record SearchAnswer
{
    [JsonPropertyName("results")] public IReadOnlyList<SearchHit>? Results { get; init; }
}

internal sealed record TagList
{
    [JsonPropertyName("tags")] public IReadOnlyList<string?>? Tags { get; init; }
}

[JsonSerializable(typeof(SearchAnswer))]
[JsonSerializable(typeof(TagList))]
internal sealed partial class AnswerJsonContext : JsonSerializerContext;
