using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Berth.Model;
using Berth.Registry.Auth;

namespace Berth.Registry.Transport;

/// <summary>One error of a registry's answer.</summary>
internal sealed record RegistryError
{
    [JsonPropertyName("code")] public string? Code { get; init; }
    [JsonPropertyName("message")] public string? Message { get; init; }
    [JsonPropertyName("detail")] public JsonElement? Detail { get; init; }

    /// <summary>As docker writes it: <c>manifest unknown: manifest unknown</c>; with the digest that it is about, where it has one.</summary>
    public override string ToString()
    {
        string code = (Code ?? "unknown").ToLowerInvariant().Replace('_', ' ');
        string? about = About();
        string digest = about is null || Message?.Contains(about, StringComparison.Ordinal) == true ? "" : $" ({about})";
        return (string.IsNullOrEmpty(Message) ? code : $"{code}: {Message}") + digest;
    }

    private string? About()
    {
        try
        {
            return Detail switch
            {
                { ValueKind: JsonValueKind.String } text when Model.Digest.TryParse(text.GetString(), out _) => text.GetString(),
                { ValueKind: JsonValueKind.Object } fields when fields.EnumerateObject().FirstOrDefault(static field => field.Name.Equals("digest", StringComparison.OrdinalIgnoreCase)).Value
                    is { ValueKind: JsonValueKind.String } value => value.GetString(),
                _ => null,
            };
        }
        catch (InvalidOperationException)
        {
            return null; // half of a surrogate pair is good JSON, and no text
        }
    }
}

/// <summary>The body of a failure (distribution specification, "Error Codes"); token services write <c>details</c> or <c>message</c>.</summary>
internal sealed record RegistryErrorBody
{
    [JsonPropertyName("errors")] public IReadOnlyList<RegistryError?>? Errors { get; init; }
    [JsonPropertyName("details")] public string? Details { get; init; }
    [JsonPropertyName("message")] public string? Message { get; init; }
}

[JsonSerializable(typeof(RegistryErrorBody))]
internal sealed partial class RegistryErrorJsonContext : JsonSerializerContext;

/// <summary>An answer that is no success.</summary>
/// <param name="Status">HTTP's.</param>
/// <param name="Codes">The registry's own codes, such as MANIFEST_UNKNOWN.</param>
/// <param name="Text">What went wrong, in docker's words where it has some.</param>
internal sealed record RegistryFailure(int Status, IReadOnlyList<string> Codes, string Text)
{
    private const int MaxBody = 64 << 10;

    /// <summary>What the caller can do about it.</summary>
    public ErrorKind Kind => Status switch
    {
        401 when IsDenied => ErrorKind.Forbidden, // who it is was understood
        401 => ErrorKind.Unauthorized,
        403 => ErrorKind.Forbidden,
        404 => ErrorKind.NotFound,
        413 => ErrorKind.TooLarge,
        429 => ErrorKind.Unavailable,
        >= 400 and < 500 => ErrorKind.InvalidArgument,
        _ => ErrorKind.Unavailable,
    };

    /// <summary>Whether the registry does not show the repository to this user.</summary>
    public bool IsDenied => Codes.Contains("DENIED") || (Codes.Count == 0 && Status == 403);

    public bool Is(string code) => Codes.Contains(code);

    /// <summary>Reads what the answer says, from the first 64 KiB of its body.</summary>
    public static async Task<RegistryFailure> ReadAsync(RegistryAnswer answer, CancellationToken cancellationToken)
    {
        RegistryErrorBody? body = await ReadBodyAsync(answer, cancellationToken);
        List<RegistryError> errors = DeniedBy(answer) is { } denied ? [denied] : [.. body?.Errors?.OfType<RegistryError>() ?? []];
        string text = errors.Count > 0 ? string.Join("; ", errors.Select(static error => error.ToString()))
            : (answer.Status, body?.Details ?? body?.Message) switch
            {
                (401, { Length: > 0 } details) => $"unauthorized: {details}",
                (401, _) => "unauthorized: authentication required",
                (403, { Length: > 0 } details) => $"denied: {details}",
                (429, var details) => $"toomanyrequests: {details ?? "too many requests"}",
                _ => $"received unexpected HTTP status: {answer.Status} {answer.Message.ReasonPhrase}",
            };
        return new RegistryFailure(answer.Status, [.. errors.Select(static error => error.Code ?? "")], PrintableText.Of(text) + (answer.Status == 429 ? LimitOf(answer) : ""));
    }

    public EngineException ToException(string subject) => new(Kind, $"{subject}: {Text}");

    // A token that is good, but not for this: the header says so (RFC 6750, section 3.1), the body only that it was not enough.
    private static RegistryError? DeniedBy(RegistryAnswer answer)
    {
        Challenge? challenge = answer.Status == 401 ? Challenge.Of(answer.Message).FirstOrDefault(static challenge => challenge.Scheme == "bearer" && challenge["error"] == "insufficient_scope") : null;
        return challenge is null ? null : new RegistryError { Code = "DENIED", Message = challenge["error_description"] ?? "requested access to the resource is denied" };
    }

    private static async Task<RegistryErrorBody?> ReadBodyAsync(RegistryAnswer answer, CancellationToken cancellationToken)
    {
        try
        {
            await using Stream stream = await answer.OpenAsync(cancellationToken);
            byte[] text = await BoundedBody.ReadBeginningAsync(stream, MaxBody, cancellationToken);
            return text.Length == 0 ? null : JsonSerializer.Deserialize(text, RegistryErrorJsonContext.Default.RegistryErrorBody);
        }
        catch (Exception e) when (e is JsonException or IOException or TimeoutException or HttpRequestException)
        {
            return null; // the status has to do
        }
    }

    // ratelimit-limit: 100;w=21600 (what may be had in how many seconds), ratelimit-remaining: 0;w=21600
    private static string LimitOf(RegistryAnswer answer)
    {
        List<string> told = [];
        if (answer.Header("ratelimit-limit") is { } limit)
        {
            string[] parts = limit.Split(";w=", 2);
            bool hasWindow = int.TryParse(parts.ElementAtOrDefault(1), NumberStyles.None, CultureInfo.InvariantCulture, out int seconds);
            told.Add($"limit {PrintableText.Of(parts[0])}" + (hasWindow ? $" in {TimeSpan.FromSeconds(seconds).TotalHours:0.#} hours" : ""));
        }

        if (answer.Header("ratelimit-remaining") is { } left)
        {
            told.Add($"{PrintableText.Of(left.Split(';')[0])} left");
        }

        if (Patience.RetryAfter(answer.Message) is { } pause)
        {
            told.Add(string.Create(CultureInfo.InvariantCulture, $"try again in {Math.Ceiling(pause.TotalSeconds)} seconds"));
        }

        return told.Count == 0 ? "" : $" ({string.Join(", ", told)})";
    }
}
