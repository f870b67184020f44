using System.Text.Json.Serialization;

namespace Berth.Plugins;

/// <summary>What a <c>NAME.json</c> says.</summary>
internal sealed record PluginSpec
{
    public string Addr { get; init => field = value ?? ""; } = "";
    public PluginTls? TLSConfig { get; init; }
}

/// <summary>Answer of <c>Plugin.Activate</c>.</summary>
internal sealed record ActivateAnswer
{
    public IReadOnlyList<string> Implements { get; init => field = value ?? []; } = [];
}

[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(PluginSpec))]
[JsonSerializable(typeof(ActivateAnswer))]
internal sealed partial class PluginJson : JsonSerializerContext;
