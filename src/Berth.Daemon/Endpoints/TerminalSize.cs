using Berth.Daemon.Http;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>The <c>h</c> and <c>w</c> of a resize.</summary>
internal static class TerminalSize
{
    /// <exception cref="EngineException">InvalidArgument when one is missing or does not fit a terminal.</exception>
    public static (int Rows, int Columns) Read(HttpContext context) => (One(context, "h"), One(context, "w"));

    private static int One(HttpContext context, string name) => context.GetInteger(name) switch
    {
        >= 0 and <= ushort.MaxValue and var value => value,
        var other => throw new EngineException(ErrorKind.InvalidArgument, $"invalid terminal size {name}={other}: wanted 0 to {ushort.MaxValue}"),
    };
}
