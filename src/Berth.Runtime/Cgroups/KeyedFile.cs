using System.Globalization;

namespace Berth.Runtime.Cgroups;

/// <summary>The kernel's text files of numbers. What is absent counts as 0, and <c>max</c> as the largest number.</summary>
internal static class KeyedFile
{
    /// <summary>The number behind the key in lines <c>key value</c>.</summary>
    public static long Value(string? text, string key)
    {
        foreach (string line in (text ?? "").Split('\n'))
        {
            if (line.Length > key.Length && line[key.Length] == ' ' && line.StartsWith(key, StringComparison.Ordinal))
                return long.TryParse(line.AsSpan(key.Length + 1), out long value) ? value : 0;
        }

        return 0;
    }

    /// <summary>All of a file of lines <c>key value</c>; null without the file.</summary>
    public static SortedDictionary<string, ulong>? All(string path)
    {
        if (CgroupFile.TryRead(path) is not { } text)
            return null;
        var all = new SortedDictionary<string, ulong>(StringComparer.Ordinal);
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Split(' ') is [var key, var value])
                all[key] = Number(value);
        }

        return all;
    }

    /// <summary>A file that is one number.</summary>
    public static ulong Single(string path) => Number(CgroupFile.TryRead(path));

    /// <summary>The number that the text is.</summary>
    public static ulong Number(string? text) => text?.Trim() switch
    {
        null or "" => 0,
        "max" => ulong.MaxValue,
        var trimmed when ulong.TryParse(trimmed, CultureInfo.InvariantCulture, out ulong value) => value,
        var trimmed => long.TryParse(trimmed, CultureInfo.InvariantCulture, out long negative) ? unchecked((ulong)negative) : 0,
    };

    /// <summary>Numbers parted by blanks.</summary>
    public static IReadOnlyList<ulong>? Numbers(string path) =>
        CgroupFile.TryRead(path) is { } text ? [.. text.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(Number)] : null;

    /// <summary>A list like <c>0-3,7</c>; null when it is empty.</summary>
    public static IReadOnlyList<ushort>? Ranges(string path)
    {
        var all = new List<ushort>();
        foreach (string part in (CgroupFile.TryRead(path) ?? "").Trim().Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-');
            for (int number = int.Parse(ends[0], CultureInfo.InvariantCulture); number <= int.Parse(ends[^1], CultureInfo.InvariantCulture); number++)
                all.Add((ushort)number);
        }

        return all.Count > 0 ? all : null;
    }

    /// <summary>Limits or uses of RDMA devices: lines <c>DEVICE hca_handle=N hca_object=N</c>.</summary>
    public static Dictionary<string, (uint Handles, uint Objects)> Rdma(string path)
    {
        var all = new Dictionary<string, (uint, uint)>(StringComparer.Ordinal);
        foreach (string line in (CgroupFile.TryRead(path) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ');
            all[words[0]] = (Of(words, "hca_handle="), Of(words, "hca_object="));
        }

        return all;

        static uint Of(string[] words, string key)
        {
            string? word = Array.Find(words, w => w.StartsWith(key, StringComparison.Ordinal));
            return (uint)Math.Min(Number(word?[key.Length..]), uint.MaxValue);
        }
    }

    /// <summary>Devices with what they use and may.</summary>
    public static SortedDictionary<string, RdmaStats> RdmaStats(string folder)
    {
        var all = new SortedDictionary<string, RdmaStats>(StringComparer.Ordinal);
        Dictionary<string, (uint Handles, uint Objects)> limits = Rdma(folder + "/rdma.max");
        foreach ((string device, (uint handles, uint objects)) in Rdma(folder + "/rdma.current"))
        {
            (uint Handles, uint Objects) limit = limits.GetValueOrDefault(device, (uint.MaxValue, uint.MaxValue));
            all[device] = new RdmaStats(handles, objects, limit.Handles, limit.Objects);
        }

        return all;
    }
}
