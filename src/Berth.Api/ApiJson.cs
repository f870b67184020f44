using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Api;

/// <summary>
/// Source-generated serialisation of every wire record. Use <see cref="ApiJson.Context"/>, which also has the encoder set;
/// names of members are matched without regard to case, as Go's encoding/json does.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNameCaseInsensitive = true,
    GenerationMode = JsonSourceGenerationMode.Metadata,
    Converters = [typeof(LenientBooleanConverter), typeof(LenientInt32Converter), typeof(LenientInt64Converter)])]
[JsonSerializable(typeof(ContainerCreateRequest))]
[JsonSerializable(typeof(ContainerCreateResponse))]
[JsonSerializable(typeof(ContainerInspect))]
[JsonSerializable(typeof(ContainerConfig))]
[JsonSerializable(typeof(HostConfig))]
[JsonSerializable(typeof(List<ContainerSummary>))]
[JsonSerializable(typeof(ContainerWaitResponse))]
[JsonSerializable(typeof(ContainerTopResponse))]
[JsonSerializable(typeof(ContainerUpdateResponse))]
[JsonSerializable(typeof(ContainerPruneResponse))]
[JsonSerializable(typeof(ExecCreateRequest))]
[JsonSerializable(typeof(IdResponse))]
[JsonSerializable(typeof(ExecStartRequest))]
[JsonSerializable(typeof(ExecInspect))]
[JsonSerializable(typeof(EventMessage))]
[JsonSerializable(typeof(List<ImageSummary>))]
[JsonSerializable(typeof(ImageInspect))]
[JsonSerializable(typeof(LegacyImageInspect))]
[JsonSerializable(typeof(List<ImageDeleteItem>))]
[JsonSerializable(typeof(JsonMessage))]
[JsonSerializable(typeof(List<ImageHistoryItem>))]
[JsonSerializable(typeof(ImagesPruneResponse))]
[JsonSerializable(typeof(List<ContainerChange>))]
[JsonSerializable(typeof(ContainerPathStat))]
[JsonSerializable(typeof(ContainerStats))]
[JsonSerializable(typeof(DiskUsageResponse))]
[JsonSerializable(typeof(HealthConfig))]
[JsonSerializable(typeof(NetworkInspect))]
[JsonSerializable(typeof(List<NetworkInspect>))]
[JsonSerializable(typeof(NetworkDiagnosisAnswer))]
[JsonSerializable(typeof(NetworkCreateRequest))]
[JsonSerializable(typeof(NetworkCreateResponse))]
[JsonSerializable(typeof(NetworkConnectRequest))]
[JsonSerializable(typeof(NetworkDisconnectRequest))]
[JsonSerializable(typeof(NetworksPruneResponse))]
[JsonSerializable(typeof(RegistryAuth))]
[JsonSerializable(typeof(AuthResponse))]
[JsonSerializable(typeof(PushedTagAux))]
[JsonSerializable(typeof(BuildResultAux))]
[JsonSerializable(typeof(BuildPruneAnswer))]
[JsonSerializable(typeof(BuildSecrets))]
[JsonSerializable(typeof(List<Ulimit>))]
[JsonSerializable(typeof(Dictionary<string, RegistryAuth>))]
[JsonSerializable(typeof(List<ImageSearchHit>))]
[JsonSerializable(typeof(DistributionInspect))]
[JsonSerializable(typeof(DistributionPlatform))]
[JsonSerializable(typeof(List<string>))]
[JsonSerializable(typeof(ErrorResponse))]
[JsonSerializable(typeof(VersionResponse))]
[JsonSerializable(typeof(SystemInfo))]
[JsonSerializable(typeof(Dictionary<string, List<string>>))]
[JsonSerializable(typeof(Dictionary<string, Dictionary<string, bool>>))]
public sealed partial class ApiJsonContext : JsonSerializerContext;

/// <summary>The one instance of the wire's serialisation.</summary>
public static class ApiJson
{
    /// <summary>Writes text outside ASCII and HTML's special characters as they are, as dockerd does; the answers are JSON, never part of a page.</summary>
    public static ApiJsonContext Context { get; } = new(new JsonSerializerOptions
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNameCaseInsensitive = true,
        Converters = { new LenientBooleanConverter(), new LenientInt32Converter(), new LenientInt64Converter() },
    });
}

/// <summary>Go's <c>StrSlice</c>: one string stands for a list of one.</summary>
internal sealed class StringOrListConverter : JsonConverter<List<string>>
{
    public override List<string>? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
            return [reader.GetString()!]; // a string token is never null

        if (reader.TokenType != JsonTokenType.StartArray)
            throw new JsonException("wanted a string or an array of strings");

        var list = new List<string>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            list.Add(reader.TokenType switch
            {
                JsonTokenType.String => reader.GetString()!, // a string token is never null
                JsonTokenType.Null => "",
                _ => throw new JsonException("wanted an array of strings"),
            });

        return list;
    }

    public override void Write(Utf8JsonWriter writer, List<string> value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (string item in value)
            writer.WriteStringValue(item);

        writer.WriteEndArray();
    }
}

/// <summary>Go leaves a member at its zero value when the document says null.</summary>
internal sealed class LenientBooleanConverter : JsonConverter<bool>
{
    public override bool HandleNull => true;

    public override bool Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType != JsonTokenType.Null && reader.GetBoolean();

    public override void Write(Utf8JsonWriter writer, bool value, JsonSerializerOptions options) => writer.WriteBooleanValue(value);
}

/// <inheritdoc cref="LenientBooleanConverter"/>
internal sealed class LenientInt32Converter : JsonConverter<int>
{
    public override bool HandleNull => true;

    public override int Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Null ? 0 : reader.GetInt32();

    public override void Write(Utf8JsonWriter writer, int value, JsonSerializerOptions options) => writer.WriteNumberValue(value);
}

/// <inheritdoc cref="LenientBooleanConverter"/>
internal sealed class LenientInt64Converter : JsonConverter<long>
{
    public override bool HandleNull => true;

    public override long Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Null ? 0 : reader.GetInt64();

    public override void Write(Utf8JsonWriter writer, long value, JsonSerializerOptions options) => writer.WriteNumberValue(value);
}
