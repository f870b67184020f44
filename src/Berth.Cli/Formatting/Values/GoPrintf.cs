using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Values;

/// <summary>Go's Sprintf, Sprint and Sprintln.</summary>
internal static class GoPrintf
{
    private const int WidthLimit = 1_000_000;

    /// <summary>A format with verbs, flags, widths, precisions and explicit argument indexes.</summary>
    public static string Format(string format, IReadOnlyList<GoValue?> arguments) => new Run(format, arguments).Execute();

    /// <summary>Operands one after the other, with a space between two of which neither is a string.</summary>
    public static string Print(IReadOnlyList<GoValue?> arguments)
    {
        var output = new StringBuilder();
        for (int i = 0; i < arguments.Count; i++)
        {
            if (i > 0 && !IsString(arguments[i]) && !IsString(arguments[i - 1]))
                output.Append(' ');

            output.Append(GoFormatter.Format(arguments[i]));
        }

        return output.ToString();
    }

    public static string PrintLine(IEnumerable<GoValue?> arguments) => string.Join(' ', arguments.Select(GoFormatter.Format)) + "\n";

    private static bool IsString(GoValue? value) => value?.Kind == GoKind.String;

    private sealed class Run(string format, IReadOnlyList<GoValue?> arguments)
    {
        private readonly StringBuilder output = new();
        private int position;
        private int next;
        private bool reordered;
        private bool goodIndex;

        public string Execute()
        {
            while (position < format.Length)
            {
                int percent = format.IndexOf('%', position);
                int end = percent < 0 ? format.Length : percent;
                output.Append(format, position, end - position);
                position = end + 1;
                if (percent >= 0)
                    Directive();
            }

            if (!reordered && next < arguments.Count)
                output.Append("%!(EXTRA ").AppendJoin(", ", arguments.Skip(next).Select(value => value?.Unwrap() is { } some ? $"{some.Type.Name}={GoFormatter.Format(some)}" : "<nil>")).Append(')');

            return output.ToString();
        }

        private void Directive()
        {
            reordered = false;
            goodIndex = true;
            int flagsEnd = position;
            while (flagsEnd < format.Length && format[flagsEnd] is '#' or '0' or '+' or '-' or ' ')
                flagsEnd++;

            string flags = format[position..flagsEnd];
            position = flagsEnd;
            ArgumentIndex();
            int width = Size(out bool hasWidth);
            bool negative = width < 0;
            int precision = -1;
            if (position < format.Length && format[position] == '.')
            {
                position++;
                ArgumentIndex();
                precision = Math.Max(Size(out bool hasPrecision), hasPrecision ? -1 : 0);
            }

            ArgumentIndex();
            if (position >= format.Length)
            {
                output.Append("%!(NOVERB)");
                return;
            }

            Rune.DecodeFromUtf16(format.AsSpan(position), out Rune verb, out int length);
            position += length;
            Verb(verb, new GoFormatter(output)
            {
                Minus = flags.Contains('-', StringComparison.Ordinal) || negative,
                Plus = flags.Contains('+', StringComparison.Ordinal),
                Sharp = flags.Contains('#', StringComparison.Ordinal),
                Space = flags.Contains(' ', StringComparison.Ordinal),
                Zero = flags.Contains('0', StringComparison.Ordinal) && !flags.Contains('-', StringComparison.Ordinal) && !negative,
                Width = hasWidth ? Math.Abs(width) : 0,
                Precision = precision,
            });
        }

        private void Verb(Rune verb, GoFormatter formatter)
        {
            if (verb.Value == '%')
                output.Append('%');
            else if (!goodIndex)
                output.Append("%!").Append(verb).Append("(BADINDEX)");
            else if (next >= arguments.Count)
                output.Append("%!").Append(verb).Append("(MISSING)");
            else if (verb.Value == 'T')
                formatter.Print(GoValue.Of(arguments[next++]?.Unwrap()?.Type.Name ?? "<nil>"), 's', 0);
            else
                formatter.Print(arguments[next++]?.Unwrap(), verb.IsBmp ? (char)verb.Value : '\ufffd', 0);
        }

        /// <summary><c>[n]</c> names the next argument, counted from 1.</summary>
        private void ArgumentIndex()
        {
            if (position >= format.Length || format[position] != '[')
                return;

            reordered = true;
            int close = format.IndexOf(']', position);
            bool good = close > 0 && int.TryParse(format.AsSpan(position + 1, close - position - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index >= 1 && index <= arguments.Count;
            goodIndex = good;
            if (good)
                next = int.Parse(format.AsSpan(position + 1, close - position - 1), CultureInfo.InvariantCulture) - 1;

            position = close > 0 ? close + 1 : position + 1;
        }

        /// <summary>A width or precision: digits, or <c>*</c> for the next argument.</summary>
        private int Size(out bool present)
        {
            if (position < format.Length && format[position] == '*')
            {
                position++;
                present = next < arguments.Count && arguments[next]?.Unwrap() is { Kind: GoKind.Int } value && Math.Abs(value.Int) <= WidthLimit;
                if (!present)
                    output.Append("%!(BADWIDTH)");

                return next < arguments.Count && arguments[next++]?.Unwrap() is { Kind: GoKind.Int } size && present ? (int)size.Int : 0;
            }

            int start = position;
            while (position < format.Length && char.IsAsciiDigit(format[position]))
                position++;

            present = position > start && int.TryParse(format.AsSpan(start, position - start), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= WidthLimit;
            return present ? int.Parse(format.AsSpan(start, position - start), CultureInfo.InvariantCulture) : 0;
        }
    }
}
