using System.Text;
using Berth.Linux.Files;

namespace Berth.Storage.Check;

/// <summary>What is wrong in one layer, by path; the first thousand are kept, the others counted.</summary>
internal sealed class DifferenceList
{
    private const int Most = 1000;
    private const int Shown = 3;
    private readonly Dictionary<string, string> byPath = new(StringComparer.Ordinal);
    private int further;

    /// <summary>How many paths are concerned.</summary>
    public int Count => byPath.Count + further;

    /// <summary>Says what is wrong with the path; a later word about it replaces an earlier one.</summary>
    public void Set(ReadOnlySpan<byte> path, string what)
    {
        string key = Encoding.Latin1.GetString(path);
        if (byPath.Count < Most || byPath.ContainsKey(key))
        {
            byPath[key] = what;
        }
        else
        {
            further++;
        }
    }

    /// <summary>Takes back what was said of the path, and of what lies below it.</summary>
    public void Clear(ReadOnlySpan<byte> path, bool withContent)
    {
        if (byPath.Count == 0)
        {
            return;
        }

        string key = Encoding.Latin1.GetString(path);
        byPath.Remove(key);
        if (withContent)
        {
            foreach (string below in byPath.Keys.Where(other => other.StartsWith(key + "/", StringComparison.Ordinal)).ToList())
            {
                byPath.Remove(below);
            }
        }
    }

    /// <summary>The first few, in the order of their names, and how many more there are.</summary>
    public string Describe()
    {
        IEnumerable<string> first = byPath.OrderBy(static item => item.Key, StringComparer.Ordinal).Take(Shown)
            .Select(static item => $"\"/{NativePath.Show(Encoding.Latin1.GetBytes(item.Key))}\" {item.Value}");
        return string.Join("; ", first) + (Count > Shown ? $"; and {Count - Shown} more" : "");
    }
}
