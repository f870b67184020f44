using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>JSON bodies: bounded on the way in, with a length on the way out.</summary>
internal static class JsonBody
{
    private const int MaxRequest = 4 << 20;
    private const int MaxFirstBuffer = 64 << 10;

    /// <summary>Reads the whole body.</summary>
    /// <exception cref="EngineException">TooLarge over 4 MiB; InvalidArgument when it is not JSON of this type.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type)
        where T : class => Convert(await ReadElementAsync(context), type);

    /// <summary>Reads the whole body as an object whose members are looked at one by one.</summary>
    /// <exception cref="EngineException">TooLarge over 4 MiB; InvalidArgument when it is not a JSON object.</exception>
    public static async Task<JsonElement> ReadElementAsync(HttpContext context)
    {
        byte[] body = await ReadBytesAsync(context);
        if (body.Length == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "the request needs a JSON body; got none");
        }

        CheckType(context);
        return Parse(body);
    }

    /// <summary>Reads the whole body as an object; null when there is none, or it is null.</summary>
    /// <exception cref="EngineException">TooLarge over 4 MiB; InvalidArgument when it is something else.</exception>
    public static async Task<JsonElement?> TryReadElementAsync(HttpContext context)
    {
        byte[] body = await ReadBytesAsync(context);
        if (body.Length == 0)
        {
            return null;
        }

        CheckType(context);
        return body.AsSpan().Trim(" \t\r\n"u8) is [] or [(byte)'n', (byte)'u', (byte)'l', (byte)'l'] ? null : Parse(body);
    }

    /// <summary>Makes a record of an object.</summary>
    /// <exception cref="EngineException">InvalidArgument naming the member that is of the wrong type.</exception>
    public static T Convert<T>(JsonElement element, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return element.Deserialize(type)!; // only null makes null, and this is an object
        }
        catch (JsonException exception)
        {
            string where = exception.Path is null or "$" ? "" : $" at {exception.Path[2..]}";
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid JSON{where}: a value of the wrong type", exception);
        }
    }

    public static async Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type, int? status = null)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        context.Response.StatusCode = status ?? context.Response.StatusCode;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length + 1;
        context.Response.BodyWriter.Write(body);
        context.Response.BodyWriter.Write("\n"u8); // Go's encoder ends every document with one
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    // A body must say that it is JSON: that is what keeps pages in browsers, which may send other types anywhere, from sending it here unasked.
    private static void CheckType(HttpContext context)
    {
        if (context.Request.ContentType is not { Length: > 0 } type)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "malformed Content-Type header (): mime: no media type");
        }

        if (!type.AsSpan(0, type.IndexOf(';') is >= 0 and var end ? end : type.Length).Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"unsupported Content-Type header ({type}): must be 'application/json'");
        }
    }

    private static JsonElement Parse(byte[] body)
    {
        JsonElement element;
        try
        {
            using JsonDocument document = JsonDocument.Parse(body);
            element = document.RootElement.Clone();
        }
        catch (JsonException exception)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid JSON: {exception.Message}", exception);
        }

        return element.ValueKind == JsonValueKind.Object
            ? element
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid JSON: wanted an object, got {element.ValueKind.ToString().ToLowerInvariant()}");
    }

    private static async Task<byte[]> ReadBytesAsync(HttpContext context)
    {
        if (context.Request.ContentLength > MaxRequest)
        {
            throw TooLarge();
        }

        // A length is a client's word: memory is taken for what has come.
        using var buffer = new MemoryStream((int)Math.Min(context.Request.ContentLength ?? 1024, MaxFirstBuffer));
        byte[] chunk = ArrayPool<byte>.Shared.Rent(16 << 10);
        try
        {
            for (int read; (read = await context.Request.Body.ReadAsync(chunk, context.RequestAborted)) > 0;)
            {
                buffer.Write(chunk, 0, read);
                if (buffer.Length > MaxRequest)
                {
                    throw TooLarge();
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(chunk);
        }

        return buffer.ToArray();
    }

    private static EngineException TooLarge() => new(ErrorKind.TooLarge, $"the request's JSON body is over {MaxRequest} bytes");
}
