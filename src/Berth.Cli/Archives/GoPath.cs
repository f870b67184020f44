namespace Berth.Cli.Archives;

/// <summary>Paths as text, by docker's rules for <c>cp</c>: a slash or a dot at the end says that a folder, or what is in it, is meant.</summary>
internal static class GoPath
{
    /// <summary>Without empty parts, dots and what two dots undo; a dot for nothing (Go's path.Clean).</summary>
    public static string Clean(string path)
    {
        bool rooted = path.StartsWith('/');
        var parts = new List<string>();
        foreach (string part in path.Split('/'))
        {
            if (part is "" or ".")
                continue;

            if (part != "..")
                parts.Add(part);
            else if (parts.Count > 0 && parts[^1] != "..")
                parts.RemoveAt(parts.Count - 1);
            else if (!rooted)
                parts.Add(part);
        }

        string joined = string.Join('/', parts);
        return rooted ? "/" + joined : joined.Length == 0 ? "." : joined;
    }

    /// <summary>The last part of a path; a dot for an empty one.</summary>
    public static string Base(string path)
    {
        string trimmed = path.TrimEnd('/');
        if (trimmed.Length == 0)
            return path.Length == 0 ? "." : "/";

        return trimmed[(trimmed.LastIndexOf('/') + 1)..];
    }

    /// <summary>A path below another, cleaned.</summary>
    public static string Join(string folder, string path) => Clean(folder + "/" + path);

    /// <summary>Folder and last part; a dot at the end stays the last part.</summary>
    public static (string Folder, string Base) Split(string path)
    {
        string cleaned = Clean(path);
        if (NamesContent(path))
            return (cleaned, ".");

        int slash = cleaned.LastIndexOf('/');
        string folder = slash < 0 ? "." : slash == 0 ? "/" : cleaned[..slash];
        return (folder, Base(cleaned));
    }

    /// <summary>Whether the path's last part is a dot: what a folder holds is meant.</summary>
    public static bool NamesContent(string path) => Base(path) == ".";

    /// <summary>Whether only a folder can be meant.</summary>
    public static bool NamesFolder(string path) => path.EndsWith('/') || NamesContent(path);

    /// <summary>A cleaned path with the slash or dot at the end that the original had.</summary>
    public static string KeepEnd(string cleaned, string original)
    {
        string path = cleaned;
        if (!NamesContent(path) && NamesContent(original))
            path = (path.EndsWith('/') ? path : path + "/") + ".";

        return !path.EndsWith('/') && original.EndsWith('/') ? path + "/" : path;
    }

    /// <summary>The path that a link led to with the end of the one that was given, and the given name if the link's differs.</summary>
    public static (string Path, string? Name) Rebase(string path, string resolved)
    {
        string target = KeepEnd(resolved, path);
        string name = Base(path);
        return (target, name == Base(target) ? null : name);
    }
}
