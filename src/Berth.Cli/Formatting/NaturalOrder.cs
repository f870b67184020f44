namespace Berth.Cli.Formatting;

/// <summary>Names as people sort them, numbers within by their value: <c>net2</c> before <c>net10</c>. Texts that differ in leading zeros alone have the one with fewer first.</summary>
internal sealed class NaturalOrder : IComparer<string>
{
    public static NaturalOrder Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        string left = x ?? "", right = y ?? "";
        int i = 0, j = 0;
        while (i < left.Length && j < right.Length)
        {
            if (!char.IsAsciiDigit(left[i]) || !char.IsAsciiDigit(right[j]))
            {
                if (left[i] != right[j])
                    return left[i].CompareTo(right[j]);

                i++;
                j++;
                continue;
            }

            ReadOnlySpan<char> first = Digits(left, i), second = Digits(right, j);
            i += first.Length;
            j += second.Length;
            int zeros = first.Length.CompareTo(second.Length);
            first = first.TrimStart('0');
            second = second.TrimStart('0');
            int order = first.Length != second.Length ? first.Length.CompareTo(second.Length) : first.SequenceCompareTo(second);
            if (order != 0 || zeros != 0)
                return order != 0 ? order : zeros;
        }

        return (left.Length - i).CompareTo(right.Length - j);
    }

    private static ReadOnlySpan<char> Digits(string text, int start)
    {
        int end = start;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
            end++;

        return text.AsSpan(start, end - start);
    }
}
