using System.Globalization;
using System.Text;

namespace Berth.Tests.Registries;

/// <summary>A request as a <see cref="FaultProxy"/> got it.</summary>
internal sealed record ProxyRequest(string Method, string Target, IReadOnlyDictionary<string, string> Headers)
{
    public string Path => Target.Split('?')[0];

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public bool IsBlob => Method == "GET" && Path.Contains("/blobs/sha256:", StringComparison.Ordinal);

    public bool IsManifest => Path.Contains("/manifests/", StringComparison.Ordinal);

    public override string ToString() => $"{Method} {Target}";
}

/// <summary>What goes wrong with one exchange; without anything it is passed on as it is.</summary>
internal sealed record Fault
{
    /// <summary>Answered by the proxy itself.</summary>
    public int? Status { get; init; }
    public IReadOnlyList<string> Headers { get; init; } = [];
    public byte[] Body { get; init; } = [];

    /// <summary>A body without an end.</summary>
    public bool IsEndless { get; init; }

    /// <summary>The connection breaks after so many bytes of the answer's body.</summary>
    public long? CutAnswerAfter { get; init; }

    /// <summary>Nothing comes any more after so many bytes of the answer's body.</summary>
    public long? StallAnswerAfter { get; init; }

    /// <summary>The connection breaks, on both sides, after so many bytes of the request's body.</summary>
    public long? CutRequestAfter { get; init; }

    /// <summary>Changes the whole head of the answer, lines that end in CR LF.</summary>
    public Func<string, string>? ChangeHead { get; init; }

    /// <summary>Changes the whole body of the answer; its length in the head stays.</summary>
    public Func<byte[], byte[]>? ChangeBody { get; init; }

    /// <summary>The body comes a byte at a time with this pause.</summary>
    public TimeSpan? Trickle { get; init; }

    /// <summary>The request loses its Range.</summary>
    public bool DropsRange { get; init; }

    public static Fault None { get; } = new();

    public static Fault Answer(int status, string body = "", params string[] headers) => new() { Status = status, Body = Encoding.UTF8.GetBytes(body), Headers = headers };

    public static Fault Redirect(string to, int status = 307) => Answer(status, "", "Location: " + to);

    public static Fault Error(int status, string code, string message) => Answer(status, $$"""{"errors":[{"code":"{{code}}","message":"{{message}}"}]}""", "Content-Type: application/json");

    internal string MakeHead() => string.Create(
        CultureInfo.InvariantCulture,
        $"HTTP/1.1 {Status} Made\r\n{string.Concat(Headers.Select(static line => line + "\r\n"))}{(IsEndless ? "" : $"Content-Length: {Body.Length}\r\n")}Connection: close\r\n\r\n");
}
