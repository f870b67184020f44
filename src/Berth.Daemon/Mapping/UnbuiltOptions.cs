using System.Text.Json;
using Berth.Model;

namespace Berth.Daemon.Mapping;

/// <summary>Refuses what a request sets and this build has not: nothing is accepted and ignored.</summary>
internal static class UnbuiltOptions
{
    /// <summary>Checks every member of <paramref name="request"/> that is not in <paramref name="built"/> for being unset.</summary>
    /// <param name="request">A JSON object.</param>
    /// <param name="built">Names of the members that the endpoint understands, in any case.</param>
    /// <param name="prefix">How the object is called in the message, such as <c>HostConfig.</c>.</param>
    /// <exception cref="EngineException">NotImplemented naming the first member that is set.</exception>
    public static void Refuse(JsonElement request, IReadOnlySet<string> built, string prefix)
    {
        foreach (JsonProperty property in request.EnumerateObject())
        {
            if (!built.Contains(property.Name) && IsSet(property.Value))
            {
                throw new EngineException(ErrorKind.NotImplemented, $"{prefix}{property.Name} is not supported yet; leave it out");
            }
        }
    }

    /// <summary>The error for an option whose value, not whose name, is not built.</summary>
    public static EngineException Value(string name, string value) => new(ErrorKind.NotImplemented, $"{name} \"{value}\" is not supported yet");

    /// <summary>
    /// Whether a value differs from the zero value that clients send for options nobody used. An entry counts whatever it holds:
    /// <c>-v /data</c> is <c>{"/data":{}}</c>.
    /// </summary>
    public static bool IsSet(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False or JsonValueKind.Undefined => false,
        JsonValueKind.String => value.GetString()!.Length > 0,
        JsonValueKind.Number => !value.TryGetInt64(out long number) || number != 0,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.Object => value.EnumerateObject().Any(),
        _ => true,
    };
}
