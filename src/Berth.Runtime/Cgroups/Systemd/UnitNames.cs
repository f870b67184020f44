namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>Names of systemd's units (systemd.unit(5), systemd.slice(5)).</summary>
internal static class UnitNames
{
    private const int MaxLength = 255;

    /// <summary>The scope of a prefix and a name: <c>PREFIX-NAME.scope</c>.</summary>
    /// <exception cref="ArgumentException">It is no unit's name, or a slice's, which cannot hold processes.</exception>
    public static string Scope(string prefix, string name)
    {
        if (name.EndsWith(".slice", StringComparison.Ordinal))
            throw new ArgumentException($"linux.cgroupsPath: \"{name}\" is a slice; a container needs a scope, so give a name without \".slice\"");
        string unit = (prefix.Length > 0 ? prefix + "-" : "") + name + ".scope";
        Check(unit);
        return unit;
    }

    /// <summary>The path of a slice in the cgroup tree: <c>a-b.slice</c> is <c>/a.slice/a-b.slice</c>, and <c>-.slice</c> is the root.</summary>
    /// <exception cref="ArgumentException">It is no slice's name.</exception>
    public static string SlicePath(string slice)
    {
        const string suffix = ".slice";
        Check(slice);
        if (!slice.EndsWith(suffix, StringComparison.Ordinal) || slice.Length == suffix.Length)
            throw Wrong(slice, "must end in .slice");
        string name = slice[..^suffix.Length];
        if (name == "-")
            return "";
        string path = "", above = "";
        foreach (string part in name.Split('-'))
        {
            if (part.Length == 0)
                throw Wrong(slice, "must not have '-' at its ends or twice in a row");
            above += (above.Length > 0 ? "-" : "") + part;
            path += $"/{above}{suffix}";
        }

        return path;
    }

    private static void Check(string unit)
    {
        if (unit.Length > MaxLength || unit.StartsWith('.') || !unit.All(static c => char.IsAsciiLetterOrDigit(c) || c is ':' or '-' or '_' or '.' or '\\' or '@'))
            throw Wrong(unit, $"must have at most {MaxLength} letters, digits and :-_.\\@");
    }

    private static ArgumentException Wrong(string unit, string what) => new($"linux.cgroupsPath: systemd unit \"{unit}\" {what}");
}
