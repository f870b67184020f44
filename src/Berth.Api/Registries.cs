using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>
/// Credentials for one registry: the body of <c>POST /auth</c>, and, as base64url of its JSON, the header X-Registry-Auth. Its text tells no secret.
/// </summary>
public sealed record RegistryAuth
{
    /// <summary>The header that carries it with requests that reach a registry.</summary>
    public const string HeaderName = "X-Registry-Auth";

    [JsonPropertyName("username")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Username { get; set; }

    [JsonPropertyName("password")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Password { get; set; }

    /// <summary>Base64 of <c>username:password</c>, which old clients send instead of the two.</summary>
    [JsonPropertyName("auth")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Auth { get; set; }

    [JsonPropertyName("email")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Email { get; set; }

    /// <summary>The registry: host and port, or <c>https://index.docker.io/v1/</c>.</summary>
    [JsonPropertyName("serveraddress")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ServerAddress { get; set; }

    /// <summary>Got at a login, and exchanged for a short-lived token at each use.</summary>
    [JsonPropertyName("identitytoken")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? IdentityToken { get; set; }

    /// <summary>Sent to the registry as it is.</summary>
    [JsonPropertyName("registrytoken")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? RegistryToken { get; set; }

    /// <inheritdoc/>
    public override string ToString() => $"credentials for {ServerAddress}";
}

/// <summary>What a login gave.</summary>
public sealed record AuthResponse
{
    [JsonPropertyName("Status")]
    public string? Status { get; set; }

    /// <summary>To be kept instead of the password; empty when the registry gives none.</summary>
    [JsonPropertyName("IdentityToken")]
    public string IdentityToken { get; set; } = "";
}

/// <summary>A repository that a search found.</summary>
public sealed record ImageSearchHit
{
    [JsonPropertyName("star_count")]
    public int StarCount { get; set; }

    [JsonPropertyName("is_official")]
    public bool IsOfficial { get; set; }

    [JsonPropertyName("name")]
    public string Name { get; set; } = "";

    /// <summary>No registry says so any more.</summary>
    [JsonPropertyName("is_automated")]
    public bool IsAutomated { get; set; }

    [JsonPropertyName("description")]
    public string Description { get; set; } = "";
}

/// <summary>What a registry has under a name (<c>GET /distribution/{name}/json</c>).</summary>
public sealed record DistributionInspect
{
    [JsonPropertyName("Descriptor")]
    public DistributionDescriptor Descriptor { get; set; } = new();

    [JsonPropertyName("Platforms")]
    public List<DistributionPlatform>? Platforms { get; set; }
}

/// <summary>The document that a name stands for.</summary>
public sealed record DistributionDescriptor
{
    [JsonPropertyName("mediaType")]
    public string MediaType { get; set; } = "";

    [JsonPropertyName("digest")]
    public string Digest { get; set; } = "";

    /// <summary>Bytes.</summary>
    [JsonPropertyName("size")]
    public long Size { get; set; }
}

/// <summary>A platform that an image is there for, or that a push is asked for.</summary>
public sealed record DistributionPlatform
{
    [JsonPropertyName("architecture")]
    public string Architecture { get; set; } = "";

    [JsonPropertyName("os")]
    public string Os { get; set; } = "";

    [JsonPropertyName("os.version")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? OsVersion { get; set; }

    [JsonPropertyName("os.features")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public List<string>? OsFeatures { get; set; }

    [JsonPropertyName("variant")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Variant { get; set; }
}

/// <summary>What a push tells programs of a tag.</summary>
public sealed record PushedTagAux
{
    public string Tag { get; set; } = "";
    public string Digest { get; set; } = "";
    public int Size { get; set; }
}
