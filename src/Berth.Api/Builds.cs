using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>What a build tells programs.</summary>
public sealed record BuildResultAux
{
    /// <summary>The image's id.</summary>
    [JsonPropertyName("ID")]
    public string Id { get; set; } = "";
}
