using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Berth.Client;

/// <summary>
/// What the daemon said to a request to leave HTTP: the connection (and the bytes that came with the answer), or a status and a body.
/// </summary>
internal readonly record struct HijackAnswer(int Status, EngineConnection? Connection, string? MediaType, byte[] Rest);

/// <summary>
/// The request that turns an HTTP connection into a plain one. Written over a socket of its own that stays in blocking mode, because the
/// streams behind HttpClient cost a trip through the event loop for every read.
/// </summary>
internal static class HijackHandshake
{
    private const int MaximumHead = 64 * 1024;

    /// <summary>Sends the POST and reads the answer's head; a refusal's body is read to its end and the connection closed.</summary>
    /// <exception cref="EngineConnectionException">The daemon cannot be reached, or does not answer with HTTP.</exception>
    public static HijackAnswer Run(EngineEndpoint endpoint, EngineTls? tls, string path, byte[]? json)
    {
        EngineConnection connection = EngineConnection.Open(endpoint, tls);
        bool handedOver = false;
        try
        {
            connection.Send(Head(endpoint, path, json));
            if (json is not null)
                connection.Send(json);

            byte[] head = ReadHead(connection, out byte[] rest);
            Headers headers = Headers.Parse(Encoding.Latin1.GetString(head));
            handedOver = headers.Status == 101;
            return handedOver
                ? new HijackAnswer(headers.Status, connection, headers.MediaType, rest)
                : new HijackAnswer(headers.Status, null, headers.MediaType, headers.Status < 400 ? [] : ReadBody(connection, headers, rest));
        }
        catch (SocketException exception)
        {
            throw new EngineConnectionException($"the daemon at {endpoint.Text} closed the connection without an answer", exception);
        }
        catch (FormatException exception)
        {
            throw new EngineConnectionException($"what listens at {endpoint.Text} does not speak HTTP", exception);
        }
        finally
        {
            if (!handedOver)
                connection.Dispose();
        }
    }

    private static byte[] Head(EngineEndpoint endpoint, string path, byte[]? json)
    {
        string host = endpoint.Port == 0 ? endpoint.Host : string.Create(CultureInfo.InvariantCulture, $"{endpoint.Host}:{endpoint.Port}");
        string type = json is null ? "" : "Content-Type: application/json\r\n";
        return Encoding.ASCII.GetBytes(
            $"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Berth-Client\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n{type}Content-Length: {json?.Length ?? 0}\r\n\r\n");
    }

    /// <summary>Reads up to the empty line; what came after it is <paramref name="rest"/>.</summary>
    private static byte[] ReadHead(EngineConnection connection, out byte[] rest)
    {
        byte[] buffer = new byte[4096];
        int filled = 0;
        while (true)
        {
            int count = connection.Receive(buffer.AsSpan(filled));
            if (count == 0)
                throw new SocketException((int)SocketError.ConnectionReset);

            filled += count;
            int end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                rest = buffer[(end + 4)..filled];
                return buffer[..end];
            }

            if (filled == buffer.Length && filled >= MaximumHead)
                throw new FormatException("the head of the answer is too long");

            if (filled == buffer.Length)
                Array.Resize(ref buffer, buffer.Length * 2);
        }
    }

    private static byte[] ReadBody(EngineConnection connection, Headers headers, byte[] rest)
    {
        using var body = new MemoryStream();
        body.Write(rest);
        byte[] buffer = new byte[4096];
        while (!IsComplete(body, headers))
        {
            int count = connection.Receive(buffer);
            if (count == 0)
                break;

            body.Write(buffer, 0, count);
        }

        return headers.Chunked ? Unchunk(body.ToArray()) : body.ToArray();
    }

    private static bool IsComplete(MemoryStream body, Headers headers) => headers.Chunked
        ? body.GetBuffer().AsSpan(0, (int)body.Length).EndsWith("0\r\n\r\n"u8)
        : headers.ContentLength is { } length && body.Length >= length;

    private static byte[] Unchunk(ReadOnlySpan<byte> body)
    {
        using var plain = new MemoryStream();
        while (true)
        {
            int line = body.IndexOf("\r\n"u8);
            if (line < 0 || !int.TryParse(body[..line], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int length)
                || length <= 0 || length > body.Length - line - 2)
                return plain.ToArray();

            plain.Write(body.Slice(line + 2, length));
            body = body[(line + 2 + length)..];
            if (body.StartsWith("\r\n"u8))
                body = body[2..];
        }
    }

    private sealed record Headers(int Status, long? ContentLength, bool Chunked, string? MediaType)
    {
        public static Headers Parse(string head)
        {
            string[] lines = head.Split("\r\n");
            if (!lines[0].StartsWith("HTTP/1.", StringComparison.Ordinal) || lines[0].Length < 12
                || !int.TryParse(lines[0].AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int status))
                throw new FormatException("no status line");

            long? length = null;
            bool chunked = false;
            string? type = null;
            foreach (string line in lines.AsSpan(1))
            {
                int colon = line.IndexOf(':');
                string value = line[(colon + 1)..].Trim();
                switch (line[..Math.Max(colon, 0)].ToLowerInvariant())
                {
                    case "content-length" when long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number):
                        length = number;
                        break;
                    case "transfer-encoding":
                        chunked = value.Contains("chunked", StringComparison.OrdinalIgnoreCase);
                        break;
                    case "content-type":
                        type = value.Split(';')[0].Trim();
                        break;
                }
            }

            return new Headers(status, length, chunked, type);
        }
    }
}
