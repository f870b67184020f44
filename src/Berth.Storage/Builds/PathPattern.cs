namespace Berth.Storage.Builds;

/// <summary>A pattern for one part of a path, with the rules of Go's <c>path.Match</c>: <c>*</c>, <c>?</c>, <c>[a-z]</c>, <c>[^a]</c>, a backslash before a character that means itself.</summary>
internal static class PathPattern
{
    /// <summary>Whether the text is more than a name.</summary>
    public static bool IsPattern(string text) => text.AsSpan().IndexOfAny("*?[\\") >= 0;

    /// <summary>Whether the name fits. What is no pattern, such as an open bracket, fits nothing.</summary>
    public static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> name)
    {
        // Where to go on from when what follows the last star does not fit: each star is tried at one place after the other, and none before it again.
        int at = 0, from = 0, star = -1, starFrom = 0;
        while (from < name.Length)
        {
            if (at < pattern.Length && pattern[at] == '*')
            {
                star = ++at;
                starFrom = from;
            }
            else if (at < pattern.Length && TryMatchOne(pattern[at..], name[from], out int length))
            {
                at += length;
                from++;
            }
            else if (star >= 0)
            {
                at = star;
                from = ++starFrom;
            }
            else
            {
                return false;
            }
        }

        return pattern[at..].IndexOfAnyExcept('*') < 0;
    }

    private static bool TryMatchOne(ReadOnlySpan<char> pattern, char character, out int length)
    {
        length = 1;
        switch (pattern[0])
        {
            case '?':
                return true;
            case '[':
                return TryMatchClass(pattern, character, out length);
            case '\\' when pattern.Length > 1:
                length = 2;
                return pattern[1] == character;
            default:
                return pattern[0] == character;
        }
    }

    private static bool TryMatchClass(ReadOnlySpan<char> pattern, char character, out int length)
    {
        int at = 1;
        bool isNegated = at < pattern.Length && pattern[at] == '^';
        at += isNegated ? 1 : 0;
        bool isIn = false;
        for (int count = 0; at < pattern.Length && (pattern[at] != ']' || count == 0); count++)
        {
            if (!TryReadEnd(pattern, ref at, out char low))
            {
                break;
            }

            char high = low;
            if (at < pattern.Length && pattern[at] == '-')
            {
                at++;
                if (!TryReadEnd(pattern, ref at, out high))
                {
                    break;
                }
            }

            isIn |= low <= character && character <= high;
        }

        length = at + 1;
        return at < pattern.Length && isIn != isNegated;
    }

    private static bool TryReadEnd(ReadOnlySpan<char> pattern, ref int at, out char character)
    {
        at += at < pattern.Length && pattern[at] == '\\' ? 1 : 0;
        character = at < pattern.Length ? pattern[at++] : default;
        return character != default;
    }
}
