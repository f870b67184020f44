using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Engine.Containers;
using Berth.Engine.Networks;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Engine;

/// <summary>JSON of the records that the engine keeps in the journal.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    Converters = [typeof(DigestConverter), typeof(ContainerIdConverter)])]
[JsonSerializable(typeof(ContainerRecord))]
[JsonSerializable(typeof(NetworkRecord))]
[JsonSerializable(typeof(List<string>))]
internal sealed partial class EngineJsonContext : JsonSerializerContext;

/// <summary>Writes and reads a <see cref="ContainerId"/> as its digits.</summary>
internal sealed class ContainerIdConverter : JsonConverter<ContainerId>
{
    public override ContainerId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        ContainerId.TryParse(reader.GetString(), out ContainerId id) ? id : throw new JsonException("wanted a container id");

    public override void Write(Utf8JsonWriter writer, ContainerId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
}
