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
        string? repository = context.GetText("repo");
        string? tag = context.GetText("tag");
        ImageReference? reference = null;
        if (!string.IsNullOrEmpty(repository))
        {
            ImageReference parsed = ImageReference.Parse(repository);
            reference = parsed.Digest.IsEmpty
                ? (string.IsNullOrEmpty(tag) ? parsed : parsed.WithTag(tag)).WithDefaultTag()
                : throw new EngineException(ErrorKind.InvalidArgument, "cannot import digest reference");
        }

        string? message = context.GetText("message");
        return new ImportOptions(
            ImageChanges.Apply(context.Request.Query["changes"].OfType<string>()),
            string.IsNullOrEmpty(message) ? "Imported from -" : message,
            ParsePlatform(context.GetText("platform")),
            reference);
    }

    private static Platform? ParsePlatform(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        return text.Split('/') is ["linux", { Length: > 0 } architecture, .. { Length: <= 1 } variant]
            ? new Platform("linux", architecture, variant.Length == 0 ? null : variant[0])
            : throw new EngineException(ErrorKind.InvalidArgument, $"invalid platform \"{text}\": wanted linux/ARCHITECTURE[/VARIANT]");
    }
}
