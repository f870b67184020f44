namespace Berth.Dockerfile;

/// <summary>What was probably meant by a mistyped name.</summary>
internal static class Suggestion
{
    private const int MaxDistance = 2;
    private const int MaxLength = 64;

    /// <summary>The known name at most two changes away, the nearest one; null where there is none, or <paramref name="name"/> is known.</summary>
    public static string? For(string name, IEnumerable<string> known)
    {
        string? best = null;
        int least = MaxDistance + 1;
        foreach (string candidate in known.Order(StringComparer.Ordinal))
        {
            if (candidate == name)
            {
                return null;
            }

            int distance = Math.Abs(candidate.Length - name.Length) > MaxDistance || name.Length > MaxLength ? least : Distance(name, candidate);
            if (distance < least)
            {
                (best, least) = (candidate, distance);
            }
        }

        return best;
    }

    // Levenshtein's distance, one row of the table at a time.
    private static int Distance(string left, string right)
    {
        int[] row = [.. Enumerable.Range(0, right.Length + 1)];
        for (int i = 0; i < left.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i + 1;
            for (int j = 0; j < right.Length; j++)
            {
                int changed = diagonal + (left[i] == right[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = Math.Min(changed, 1 + Math.Min(diagonal, row[j]));
            }
        }

        return row[right.Length];
    }
}
