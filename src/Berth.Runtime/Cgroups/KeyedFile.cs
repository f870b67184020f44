namespace Berth.Runtime.Cgroups;

/// <summary>The kernel's files of lines <c>key value</c>.</summary>
internal static class KeyedFile
{
    /// <summary>The number behind the key; 0 when absent.</summary>
    public static long Value(string? text, string key)
    {
        foreach (string line in (text ?? "").Split('\n'))
        {
            if (line.Length > key.Length && line[key.Length] == ' ' && line.StartsWith(key, StringComparison.Ordinal))
                return long.TryParse(line.AsSpan(key.Length + 1), out long value) ? value : 0;
        }

        return 0;
    }
}
