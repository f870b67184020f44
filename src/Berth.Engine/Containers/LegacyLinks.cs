using Berth.Model;

namespace Berth.Engine.Containers;

/// <summary>
/// Docker's links between containers (<c>--link NAME[:ALIAS]</c>), an addition to the default bridge. Where a container has no network at all they are checked and told,
/// and there is nothing else that they could do.
/// </summary>
internal static class LegacyLinks
{
    /// <summary>The links as inspect tells them: <c>/NAME:/OWN NAME/ALIAS</c>.</summary>
    /// <param name="links">As they were asked for.</param>
    /// <param name="ownName">The new container's name.</param>
    /// <param name="find">Gives the name of a container that exists.</param>
    /// <exception cref="EngineException">InvalidArgument, in docker's words: a link is none, or its container is not there.</exception>
    public static IReadOnlyList<string>? Resolve(IReadOnlyList<string>? links, string ownName, Func<string, string> find) =>
        links?.Select(link => Resolve(link, ownName, find)).ToList();

    private static string Resolve(string link, string ownName, Func<string, string> find)
    {
        string[] parts = link.Split(':');
        if (link.Length == 0 || parts.Length > 2)
        {
            throw new EngineException(ErrorKind.InvalidArgument, link.Length == 0 ? "empty string specified for links" : $"bad format for links: {link}");
        }

        // Inspect's own form is taken back: configurations are copied from one container to the next.
        string name = parts[0], alias = parts[^1];
        if (parts.Length == 2 && name.StartsWith('/'))
        {
            name = name[1..];
            alias = alias[(alias.LastIndexOf('/') + 1)..];
        }

        try
        {
            return $"/{find(name)}:/{ownName}/{alias}";
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"could not get container for {name}: {e.Message}", e);
        }
    }
}
