using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>What requests on images have in common: names hold slashes, so what follows the name is taken off by hand.</summary>
internal static class ImageQuery
{
    public static string Rest(HttpContext context) => (string?)context.Request.RouteValues["rest"] ?? "";

    public static bool TryTake(HttpContext context, string suffix, out string name)
    {
        string rest = Rest(context);
        name = rest.EndsWith(suffix, StringComparison.Ordinal) ? rest[..^suffix.Length] : "";
        return name.Length > 0;
    }

    /// <summary>The parameter <c>platform</c>, of which docker has one as JSON; null without.</summary>
    /// <exception cref="EngineException">InvalidArgument for one that is none.</exception>
    public static Platform? GetPlatform(HttpContext context) => ImportMapping.ParsePlatform(context.GetText("platform"));

    /// <summary>Reads a filter that is true or false.</summary>
    /// <exception cref="EngineException">InvalidArgument naming filter and values.</exception>
    public static bool ReadBoolean(string name, List<string> values)
    {
        bool isTrue = values.Exists(static value => value is "true" or "1");
        return isTrue != values.Exists(static value => value is "false" or "0")
            ? isTrue
            : throw new EngineException(ErrorKind.InvalidArgument, values.Count == 0 ? $"invalid filter '{name}'" : $"invalid filter '{name}=[{string.Join(' ', values)}]'");
    }
}
