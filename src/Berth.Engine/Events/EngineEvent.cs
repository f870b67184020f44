using System.Text.Json;
using System.Text.Json.Serialization;

namespace Berth.Engine.Events;

/// <summary>Something that happened (Engine API, SystemEvents).</summary>
/// <param name="Type"><c>container</c>, <c>image</c>, ...</param>
/// <param name="Action">What happened, as docker's engine words it, such as <c>start</c> or <c>exec_create: ls -l</c>.</param>
/// <param name="ActorId">What it happened to.</param>
/// <param name="Attributes">More about that, ordered by name.</param>
/// <param name="TimeNano">Nanoseconds since 1970; no two events of one data root have the same, and later ones have more.</param>
public sealed record EngineEvent(string Type, string Action, string ActorId, IReadOnlyDictionary<string, string> Attributes, long TimeNano);

/// <summary>JSON of events on the disk, one object in each line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EngineEvent))]
internal sealed partial class EventJsonContext : JsonSerializerContext;
