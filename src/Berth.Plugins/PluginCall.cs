using System.Text.Json.Serialization.Metadata;

namespace Berth.Plugins;

/// <summary>One call of a plugin's protocol.</summary>
/// <param name="Method">Such as <c>NetworkDriver.Join</c>.</param>
/// <param name="Request">How what is asked is written; null: the call has no body.</param>
/// <param name="Answer">How the answer is read. Members that it does not name are passed over, an error is taken out before.</param>
public sealed record PluginCall<TRequest, TAnswer>(string Method, JsonTypeInfo<TRequest>? Request, JsonTypeInfo<TAnswer> Answer);
