namespace Berth.Engine.Containers;

/// <summary>Lists of <c>NAME=value</c>.</summary>
public static class EnvironmentList
{
    /// <summary>
    /// <paramref name="first"/> with the values of <paramref name="second"/>: a name that occurs in both keeps its place and takes the later
    /// value; an entry of the second without <c>=</c> takes the name away.
    /// </summary>
    public static IReadOnlyList<string> Merge(IEnumerable<string> first, IEnumerable<string> second)
    {
        var result = new List<string>(first);
        foreach (string entry in second)
        {
            string name = NameOf(entry);
            int index = result.FindIndex(known => NameOf(known) == name);
            bool removes = !entry.Contains('=', StringComparison.Ordinal);
            if (removes && index >= 0)
            {
                result.RemoveAt(index);
            }
            else if (!removes && index >= 0)
            {
                result[index] = entry;
            }
            else if (!removes)
            {
                result.Add(entry);
            }
        }

        return result;
    }

    /// <summary>
    /// <paramref name="own"/>, later values before earlier ones of a name, then what <paramref name="defaults"/> has of other names; an entry of the first
    /// without <c>=</c> takes the name away. The order is docker's.
    /// </summary>
    public static IReadOnlyList<string> Complete(IReadOnlyList<string> own, IEnumerable<string> defaults)
    {
        HashSet<string> names = [.. own.Select(NameOf)];
        return [.. Merge([], own), .. defaults.Where(entry => !names.Contains(NameOf(entry)))];
    }

    private static string NameOf(string entry) => entry.Split('=', 2)[0];
}
