namespace Berth.Runtime.Cgroups;

/// <summary>A cgroup below the container's own, as <c>exec --cgroup</c> names it.</summary>
internal sealed class SubCgroup
{
    private readonly string path;
    private readonly string[]? controllers;

    private SubCgroup(string path, string[]? controllers)
    {
        this.path = path;
        this.controllers = controllers;
    }

    /// <summary>The container's own.</summary>
    public static SubCgroup None { get; } = new("", null);

    /// <summary>Reads <c>PATH</c> or <c>CONTROLLER[,CONTROLLER]:PATH</c>.</summary>
    /// <exception cref="ArgumentException">The path leads out of the container's cgroup.</exception>
    public static SubCgroup Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return None;
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string below = text[(colon + 1)..].Trim('/');
        if (below.Contains('\0', StringComparison.Ordinal) || below.Split('/').Any(static part => part is "." or ".."))
            throw new ArgumentException($"cgroup \"{text}\" must be a path below the container's own cgroup, without '.' and '..'");
        return new SubCgroup(below, colon < 0 ? null : text[..colon].Split(','));
    }

    /// <summary>Throws for a controller that the host lacks.</summary>
    /// <exception cref="ArgumentException">Names it.</exception>
    public void CheckControllers(IEnumerable<string> known)
    {
        if (controllers?.Except(known).FirstOrDefault() is { } unknown)
            throw new ArgumentException($"cgroup \"{unknown}:{path}\": controller '{unknown}' is not mounted on this host");
    }

    /// <summary>The folder to join.</summary>
    /// <param name="folder">The container's own in one hierarchy.</param>
    /// <param name="hierarchyControllers">That hierarchy's.</param>
    /// <param name="fallback">Where to go if nothing is named for it.</param>
    /// <exception cref="ArgumentException">There is no such cgroup.</exception>
    public string In(string folder, IEnumerable<string> hierarchyControllers, Func<string> fallback) =>
        path.Length > 0 && (controllers is null || controllers.Intersect(hierarchyControllers).Any()) ? Existing(folder) : fallback();

    /// <summary>As the other, on cgroup v2.</summary>
    /// <exception cref="ArgumentException">There is no such cgroup, or a controller was named.</exception>
    public string InUnified(string folder, Func<string> fallback)
    {
        if (controllers is not null)
            throw new ArgumentException($"cgroup \"{string.Join(',', controllers)}:{path}\": cgroup v2 has one hierarchy; give the path alone");
        return path.Length > 0 ? Existing(folder) : fallback();
    }

    private string Existing(string folder)
    {
        string below = $"{folder}/{path}";
        return Directory.Exists(below) ? below : throw new ArgumentException($"cgroup \"{path}\" does not exist below {folder}: make it in the container first");
    }
}
