using System.Text;

namespace Berth.Dockerfile.Expansion;

/// <summary>A pattern of <c>${x#p}</c> and its like: <c>*</c>, <c>?</c>, and characters that stand for themselves. Compared without going back, in time length times length.</summary>
internal sealed class GlobPattern
{
    private const int AnyOne = -1;
    private const int AnyMany = -2;
    private readonly int[] _tokens;

    private GlobPattern(int[] tokens) => _tokens = tokens;

    /// <summary>Reads a pattern in which <paramref name="escape"/> takes the meaning from <c>*</c>, <c>?</c> and itself.</summary>
    public static GlobPattern Parse(string pattern, char escape)
    {
        var tokens = new List<int>();
        int[] runes = ToRunes(pattern);
        for (int i = 0; i < runes.Length; i++)
        {
            if (runes[i] != escape)
            {
                tokens.Add(runes[i] switch { '*' => AnyMany, '?' => AnyOne, var rune => rune });
                continue;
            }

            i++;
            bool isMeant = i < runes.Length && (runes[i] is '*' or '?' or '}' or '/' || runes[i] == escape);
            tokens.Add(isMeant ? runes[i] : throw new ExpansionFailure(
                $"invalid pattern ({pattern}) in substitution: invalid escape '{escape}{(i < runes.Length ? new Rune(runes[i]).ToString() : "")}'"));
        }

        return new GlobPattern([.. tokens]);
    }

    /// <summary>A text's characters; half a surrogate pair counts as the replacement character.</summary>
    public static int[] ToRunes(string text) => [.. text.EnumerateRunes().Select(static rune => rune.Value)];

    /// <summary>The text of characters.</summary>
    public static string ToText(ReadOnlySpan<int> runes)
    {
        var text = new StringBuilder(runes.Length);
        foreach (int rune in runes)
        {
            text.Append(new Rune(rune).ToString());
        }

        return text.ToString();
    }

    /// <summary>The value without the shortest or longest match at its beginning.</summary>
    public string TrimStart(string value, bool isLongest, ExpansionBudget budget)
    {
        int[] runes = ToRunes(value);
        int length = MatchLength(runes, isLongest, budget);
        return length <= 0 ? value : ToText(runes.AsSpan(length));
    }

    /// <summary>The value without the shortest or longest match at its end.</summary>
    public string TrimEnd(string value, bool isLongest, ExpansionBudget budget)
    {
        int[] runes = ToRunes(value);
        Array.Reverse(runes);
        int[] reversed = [.. _tokens];
        Array.Reverse(reversed);
        int length = new GlobPattern(reversed).MatchLength(runes, isLongest, budget);
        if (length <= 0)
        {
            return value;
        }

        Array.Reverse(runes);
        return ToText(runes.AsSpan(0, runes.Length - length));
    }

    /// <summary>The value with its first match, or with all, replaced; matches are as long as they can be.</summary>
    public string Replace(string value, string replacement, bool isAll, ExpansionBudget budget)
    {
        int[] runes = ToRunes(value);
        var text = new StringBuilder();
        int from = 0;
        int at = 0;
        while (at <= runes.Length)
        {
            int length = MatchLength(runes.AsSpan(at), isLongest: true, budget);
            bool isEmptyBehindMatch = length == 0 && at == from && at > 0;
            if (length < 0 || isEmptyBehindMatch)
            {
                at++;
                continue;
            }

            text.Append(ToText(runes.AsSpan(from, at - from))).Append(replacement);
            budget.Spend(replacement.Length + 1);
            CheckLength(text.Length, budget);
            at += length;
            from = at;
            if (!isAll)
            {
                break;
            }

            at += length == 0 ? 1 : 0;
        }

        return text.Append(ToText(runes.AsSpan(from))).ToString();
    }

    private static void CheckLength(int length, ExpansionBudget budget)
    {
        if (length > budget.Limits.MaxWordLength)
        {
            throw new ExpansionFailure($"the result has more than {budget.Limits.MaxWordLength} characters");
        }
    }

    /// <summary>The length of the match at the beginning; -1 where there is none.</summary>
    private int MatchLength(ReadOnlySpan<int> runes, bool isLongest, ExpansionBudget budget)
    {
        bool[] now = new bool[_tokens.Length + 1];
        bool[] next = new bool[_tokens.Length + 1];
        Enter(now, 0);
        int found = -1;
        for (int at = 0; ; at++)
        {
            if (now[^1])
            {
                found = at;
                if (!isLongest)
                {
                    return found;
                }
            }

            budget.Spend(_tokens.Length + 1);
            if (at == runes.Length || !Step(now, next, runes[at]))
            {
                return found;
            }

            (now, next) = (next, now);
            Array.Clear(next);
        }
    }

    private bool Step(bool[] now, bool[] next, int rune)
    {
        bool isAlive = false;
        for (int i = 0; i < _tokens.Length; i++)
        {
            if (!now[i])
            {
                continue;
            }

            if (_tokens[i] == AnyMany)
            {
                Enter(next, i);
                isAlive = true;
            }
            else if (_tokens[i] == AnyOne || _tokens[i] == rune)
            {
                Enter(next, i + 1);
                isAlive = true;
            }
        }

        return isAlive;
    }

    // A star may stand for nothing: whoever is before it is behind it too.
    private void Enter(bool[] states, int state)
    {
        states[state] = true;
        while (state < _tokens.Length && _tokens[state] == AnyMany)
        {
            states[++state] = true;
        }
    }
}
