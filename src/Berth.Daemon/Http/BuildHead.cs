using System.Buffers.Binary;
using System.Text.Json;
using Berth.Api;
using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>
/// What a client sends in front of a build's context, if the body's media type is <see cref="MediaType"/>: four bytes with the length, the highest first, then so many bytes of JSON
/// (<see cref="BuildSecrets"/>), then the context.
/// </summary>
internal static class BuildHead
{
    /// <summary>The body's media type.</summary>
    public const string MediaType = "application/vnd.berth.build";

    private const int Most = 1 << 20;

    /// <summary>Reads it; what is left of the body is the context. Empty for a body of another type.</summary>
    /// <exception cref="EngineException">InvalidArgument for a head that is too large, cut off or malformed; the message has nothing of its content.</exception>
    public static async Task<IReadOnlyDictionary<string, ReadOnlyMemory<byte>>> ReadAsync(HttpContext context)
    {
        Dictionary<string, ReadOnlyMemory<byte>> result = new(StringComparer.Ordinal);
        if (context.Request.ContentType?.Split(';')[0].Trim() != MediaType)
        {
            return result;
        }

        byte[] head = await ReadBytesAsync(context);
        try
        {
            foreach ((string id, byte[]? content) in JsonSerializer.Deserialize(head, ApiJson.Context.BuildSecrets)?.Secrets ?? [])
            {
                result[id] = content ?? throw Wrong("a secret is null");
            }
        }
        catch (JsonException)
        {
            throw Wrong("it is no JSON of the form {\"Secrets\":{\"ID\":\"base64\"}}");
        }
        finally
        {
            Array.Clear(head);
        }

        return result;
    }

    private static async Task<byte[]> ReadBytesAsync(HttpContext context)
    {
        try
        {
            byte[] length = new byte[4];
            await context.Request.Body.ReadExactlyAsync(length, context.RequestAborted);
            uint count = BinaryPrimitives.ReadUInt32BigEndian(length);
            byte[] head = count <= Most ? new byte[count] : throw Wrong($"it has {count} bytes, wanted {Most} at most");
            await context.Request.Body.ReadExactlyAsync(head, context.RequestAborted);
            return head;
        }
        catch (EndOfStreamException)
        {
            throw Wrong("it is cut off");
        }
    }

    private static EngineException Wrong(string why) => new(ErrorKind.InvalidArgument, $"the head of the build's body is refused: {why}");
}
