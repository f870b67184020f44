using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Model;

namespace Berth.Registry.Transport;

/// <summary>One error of a registry's answer.</summary>
internal sealed record RegistryError
{
    [JsonPropertyName("code")] public string? Code { get; init; }
    [JsonPropertyName("message")] public string? Message { get; init; }
    [JsonPropertyName("detail")] public JsonElement? Detail { get; init; }

    /// <summary>As docker writes it: <c>manifest unknown: manifest unknown</c>.</summary>
    public override string ToString()
    {
        string code = (Code ?? "unknown").ToLowerInvariant().Replace('_', ' ');
        return string.IsNullOrEmpty(Message) ? code : $"{code}: {Message}";
    }
}

/// <summary>The body of a failure (distribution specification, "Error Codes"); token services write <c>details</c>.</summary>
internal sealed record RegistryErrorBody
{
    [JsonPropertyName("errors")] public IReadOnlyList<RegistryError>? Errors { get; init; }
    [JsonPropertyName("details")] public string? Details { get; init; }
    [JsonPropertyName("message")] public string? Message { get; init; }
}

[JsonSerializable(typeof(RegistryErrorBody))]
internal sealed partial class RegistryErrorJsonContext : JsonSerializerContext;

/// <summary>What failures are called, in docker's words where it has some.</summary>
internal static class RegistryErrors
{
    private const int MaxErrorBody = 64 << 10;

    /// <summary>The failure that an answer stands for; reads the beginning of its body.</summary>
    public static async Task<EngineException> ReadAsync(RegistryAnswer answer, string subject, CancellationToken cancellationToken)
    {
        RegistryErrorBody? body = null;
        try
        {
            byte[] text = await BoundedBody.ReadBeginningAsync(await answer.OpenAsync(cancellationToken), MaxErrorBody, cancellationToken);
            body = JsonSerializer.Deserialize(text.AsSpan().TrimEnd((byte)0), RegistryErrorJsonContext.Default.RegistryErrorBody);
        }
        catch (Exception e) when (e is JsonException or HttpRequestException or IOException)
        {
            body = null; // the status has to do
        }

        string told = body?.Errors is { Count: > 0 } errors ? string.Join("; ", errors) : $"received unexpected HTTP status: {answer.Status} {answer.Message.ReasonPhrase}";
        ErrorKind kind = answer.Status switch
        {
            401 => ErrorKind.Unauthorized,
            403 => ErrorKind.Forbidden,
            404 => ErrorKind.NotFound,
            400 or 405 or 415 or 416 => ErrorKind.InvalidArgument,
            413 => ErrorKind.TooLarge,
            _ => ErrorKind.Unavailable,
        };
        return new EngineException(kind, $"{subject}: {told}");
    }

    /// <summary>The failure of a request that got no answer.</summary>
    public static EngineException Unreachable(RegistryCall call, Uri uri, Exception cause)
    {
        string where = uri.GetLeftPart(UriPartial.Path);
        string method = string.Concat(call.Method.Method.AsSpan(0, 1), call.Method.Method.AsSpan(1).ToString().ToLowerInvariant());
        return new EngineException(ErrorKind.Unavailable, $"{call.Subject}: {method} \"{where}\": {Describe(uri, cause)}", cause);
    }

    private static string Describe(Uri uri, Exception cause)
    {
        for (Exception? e = cause; e is not null; e = e.InnerException)
        {
            switch (e)
            {
                case SocketException { SocketErrorCode: SocketError.ConnectionRefused }:
                    return $"dial tcp {uri.Host}:{uri.Port}: connect: connection refused";
                case SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain }:
                    return $"dial tcp: lookup {uri.Host}: no such host";
                case AuthenticationException authentication:
                    return $"x509: {authentication.Message}";
            }
        }

        return cause.Message;
    }
}
