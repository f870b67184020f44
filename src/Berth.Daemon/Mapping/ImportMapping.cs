using System.Text.Json;
using Berth.Daemon.Http;
using Berth.Engine.Images;
using Berth.Model;
using Berth.Storage.Images;

namespace Berth.Daemon.Mapping;

/// <summary>From an import's query to what storage is asked for.</summary>
internal static class ImportMapping
{
    /// <exception cref="EngineException">InvalidArgument for a name, change or platform that is none.</exception>
    public static ImportOptions Map(HttpContext context)
    {
        ImageReference? reference = ParseReference(context);
        string? message = context.GetText("message");
        return new ImportOptions(
            ImageChanges.Apply(context.Request.Query["changes"].OfType<string>()),
            string.IsNullOrEmpty(message) ? "Imported from -" : message,
            ParsePlatform(context.GetText("platform")),
            reference);
    }

    /// <summary>The name in <c>repo</c> and <c>tag</c>; null without.</summary>
    /// <exception cref="EngineException">InvalidArgument for a name that is none.</exception>
    public static ImageReference? ParseReference(HttpContext context)
    {
        string? repository = context.GetText("repo");
        string? tag = context.GetText("tag");
        if (string.IsNullOrEmpty(repository))
        {
            return null;
        }

        ImageReference parsed = ImageReference.Parse(repository);
        return parsed.Digest.IsEmpty
            ? (string.IsNullOrEmpty(tag) ? parsed : parsed.WithTag(tag)).WithDefaultTag()
            : throw new EngineException(ErrorKind.InvalidArgument, "cannot import digest reference");
    }

    /// <summary>A platform as <c>os/architecture[/variant]</c> or, as newer clients send it, as JSON; null without.</summary>
    /// <exception cref="EngineException">InvalidArgument for one that is none.</exception>
    public static Platform? ParsePlatform(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        if (text.StartsWith('{'))
        {
            try
            {
                using JsonDocument document = JsonDocument.Parse(text);
                string? Member(string name) => document.RootElement.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;
                return new Platform(Member("os") ?? "linux", Member("architecture") ?? "", Member("variant") is { Length: > 0 } variant ? variant : null);
            }
            catch (Exception exception) when (exception is JsonException or InvalidOperationException)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"invalid platform: {exception.Message}", exception);
            }
        }

        return text.Split('/') is ["linux", { Length: > 0 } architecture, .. { Length: <= 1 } rest]
            ? new Platform("linux", architecture, rest.Length == 0 ? null : rest[0])
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid platform \"{text}\": wanted linux/ARCHITECTURE[/VARIANT]");
    }
}
