using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Values;

/// <summary>Values to text by one verb of Go's fmt with its flags.</summary>
internal sealed class GoFormatter
{
    // Go prints where a nested structure lies in its memory; here nothing has an address, so one stands for all.
    private const string Address = "0xc000000000";

    private readonly StringBuilder output;

    public GoFormatter(StringBuilder output) => this.output = output;

    public bool Minus { get; init; }

    public bool Plus { get; init; }

    public bool Sharp { get; init; }

    public bool Space { get; init; }

    public bool Zero { get; init; }

    public int Width { get; init; }

    public int Precision { get; init; } = -1;

    /// <summary>A value as <c>%v</c> prints it; null is nil.</summary>
    public static string Format(GoValue? value)
    {
        var text = new StringBuilder();
        new GoFormatter(text).Print(value?.Unwrap(), 'v', 0);
        return text.ToString();
    }

    /// <summary>Writes a value; <paramref name="depth"/> is 0 unless something is around it.</summary>
    public void Print(GoValue? value, char verb, int depth)
    {
        if (value is null)
        {
            Pad(verb == 'v' ? "<nil>" : $"%!{verb}(<nil>)");
            return;
        }

        bool goSyntax = verb == 'v' && Sharp;
        if (!goSyntax && verb is 'v' or 's' or 'q' or 'x' or 'X' && GoMethods.AsString(value) is { } text)
        {
            PrintString(GoValue.Of(text), verb);
            return;
        }

        switch (value.Kind)
        {
            case GoKind.Bool when verb is 'v' or 't':
                Pad((bool)value.Data! ? "true" : "false"); // bools have data
                break;
            case GoKind.Int:
                PrintInteger(value, value.Int < 0, (ulong)(value.Int < 0 ? unchecked(-value.Int) : value.Int), verb);
                break;
            case GoKind.Uint when goSyntax:
                Pad("0x" + value.Uint.ToString("x", CultureInfo.InvariantCulture));
                break;
            case GoKind.Uint:
                PrintInteger(value, negative: false, value.Uint, verb);
                break;
            case GoKind.Float when verb is 'v' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                PadNumber(Signed(GoNumber.Format(value.Float, verb, Precision), verb));
                break;
            case GoKind.Complex when verb == 'v':
                PrintComplex(value.Float);
                break;
            case GoKind.String:
                PrintString(value, verb);
                break;
            case GoKind.Slice when goSyntax && value.IsNil:
            case GoKind.Map when goSyntax && value.IsNil:
                output.Append(value.Type.Name).Append("(nil)");
                break;
            case GoKind.Slice when verb is 's' or 'q' or 'x' or 'X' && value.Type.Element!.Name == "uint8": // slices have elements
                PrintString(GoValue.Of(Encoding.UTF8.GetString([.. value.Items.Select(item => (byte)item.Uint)])), verb);
                break;
            case GoKind.Slice:
                PrintSlice(value, verb, depth, goSyntax);
                break;
            case GoKind.Map:
                PrintMap(value, verb, depth, goSyntax);
                break;
            case GoKind.Struct when value.Data is not GoTime:
                PrintStruct(value, verb, depth, goSyntax);
                break;
            case GoKind.Interface when value.Unwrap() is null && goSyntax:
                output.Append(value.Type.Name).Append("(nil)");
                break;
            case GoKind.Interface:
                if (value.Unwrap() is { } inner)
                    Print(inner, verb, depth + 1);
                else
                    output.Append("<nil>");
                break;
            case GoKind.Pointer:
                PrintPointer(value, verb, depth, goSyntax);
                break;
            default:
                BadVerb(value, verb);
                break;
        }
    }

    private void PrintSlice(GoValue value, char verb, int depth, bool goSyntax)
    {
        output.Append(goSyntax ? value.Type.Name + "{" : "[");
        for (int i = 0; i < value.Items.Count; i++)
        {
            output.Append(i == 0 ? "" : goSyntax ? ", " : " ");
            Print(value.Items[i], verb, depth + 1);
        }

        output.Append(goSyntax ? '}' : ']');
    }

    private void PrintMap(GoValue value, char verb, int depth, bool goSyntax)
    {
        output.Append(goSyntax ? value.Type.Name + "{" : "map[");
        for (int i = 0; i < value.Entries.Count; i++)
        {
            output.Append(i == 0 ? "" : goSyntax ? ", " : " ");
            Print(value.Entries[i].Key, verb, depth + 1);
            output.Append(':');
            Print(value.Entries[i].Value, verb, depth + 1);
        }

        output.Append(goSyntax ? '}' : ']');
    }

    private void PrintStruct(GoValue value, char verb, int depth, bool goSyntax)
    {
        output.Append(goSyntax ? value.Type.Name + "{" : "{");
        for (int i = 0; i < value.Items.Count; i++)
        {
            output.Append(i == 0 ? "" : goSyntax ? ", " : " ");
            if (goSyntax || (verb == 'v' && Plus))
                output.Append(value.Type.Fields[i].Name).Append(':');

            Print(value.Items[i], verb, depth + 1);
        }

        output.Append('}');
    }

    private void PrintPointer(GoValue value, char verb, int depth, bool goSyntax)
    {
        if (value.Data is IFieldSource row)
        {
            output.Append("&{").AppendJoin(' ', row.FieldNames.Select(name => row.GetField(name, ""))).Append('}');
            return;
        }

        GoValue? target = value.Data as GoValue;
        if (target is { Kind: GoKind.Struct or GoKind.Slice or GoKind.Map } && depth == 0)
        {
            output.Append('&');
            Print(target, verb, depth + 1);
        }
        else if (verb == 'v')
        {
            string place = target is null ? goSyntax ? "nil" : "<nil>" : Address;
            Pad(goSyntax ? $"({value.Type.Name})({place})" : place);
        }
        else
        {
            BadVerb(value, verb);
        }
    }

    private void PrintString(GoValue value, char verb)
    {
        string text = value.Text;
        if (Precision >= 0 && verb is 's' or 'v' or 'q' && GoText.RuneCount(text) > Precision)
            text = string.Concat(text.EnumerateRunes().Take(Precision).Select(rune => rune.ToString()));

        switch (verb)
        {
            case 'v' when Sharp:
            case 'q' when !Sharp:
            case 'q' when text.Contains('`', StringComparison.Ordinal):
                Pad(GoText.Quote(text));
                break;
            case 'q':
                Pad($"`{text}`");
                break;
            case 'v' or 's':
                Pad(text);
                break;
            case 'x' or 'X':
                PrintHex(Encoding.UTF8.GetBytes(text), verb);
                break;
            default:
                BadVerb(value, verb);
                break;
        }
    }

    private void PrintHex(byte[] bytes, char verb)
    {
        int count = Precision >= 0 ? Math.Min(Precision, bytes.Length) : bytes.Length;
        string prefix = Sharp ? "0" + verb : "";
        IEnumerable<string> digits = bytes.Take(count).Select(item => item.ToString(verb == 'x' ? "x2" : "X2", CultureInfo.InvariantCulture));
        Pad(count == 0 ? "" : Space ? prefix + string.Join(" " + prefix, digits) : prefix + string.Concat(digits));
    }

    private void PrintInteger(GoValue value, bool negative, ulong size, char verb)
    {
        string? digits = verb switch
        {
            'v' or 'd' => size.ToString(CultureInfo.InvariantCulture),
            'x' => Digits(size, 16),
            'X' => Digits(size, 16).ToUpperInvariant(),
            'o' or 'O' => Digits(size, 8),
            'b' => Digits(size, 2),
            _ => null,
        };
        if (digits is null)
        {
            PrintCharacter(value, negative, size, verb);
            return;
        }

        if (Precision >= 0)
            digits = Precision == 0 && size == 0 ? "" : digits.PadLeft(Precision, '0');

        string sign = negative ? "-" : Plus && verb != 'v' ? "+" : Space ? " " : "";
        string prefix = verb switch
        {
            'O' => "0o",
            'x' or 'X' when Sharp => "0" + verb,
            'b' when Sharp => "0b",
            'o' when Sharp && digits[0] != '0' => "0",
            _ => "",
        };
        if (Zero && !Minus && Precision < 0)
            digits = digits.PadLeft(Math.Max(0, Width - sign.Length), '0');

        Pad(sign + prefix + digits);
    }

    private void PrintCharacter(GoValue value, bool negative, ulong size, char verb)
    {
        long code = !negative && size <= int.MaxValue ? (long)size : 0xfffd;
        switch (verb)
        {
            case 'c':
                Pad(Rune.IsValid((int)code) ? new Rune((int)code).ToString() : "\ufffd");
                break;
            case 'q':
                Pad(GoText.QuoteRune(code));
                break;
            case 'U':
                string unicode = "U+" + (negative ? unchecked(0 - size) : size).ToString("X4", CultureInfo.InvariantCulture);
                Pad(Sharp && Rune.IsValid((int)code) && GoText.IsPrintable(new Rune((int)code)) ? $"{unicode} '{new Rune((int)code)}'" : unicode);
                break;
            default:
                BadVerb(value, verb);
                break;
        }
    }

    private void PrintComplex(double value)
    {
        string imaginary = GoNumber.Format(value, 'v', Precision);
        Pad($"(0{(imaginary[0] is '-' or '+' ? "" : "+")}{imaginary}i)");
    }

    private void BadVerb(GoValue value, char verb)
    {
        output.Append("%!").Append(verb).Append('(').Append(value.Type.Name).Append('=');
        new GoFormatter(output) { Plus = Plus, Minus = Minus, Sharp = Sharp, Space = Space, Zero = Zero, Width = Width, Precision = Precision }.Print(value, 'v', 0);
        output.Append(')');
    }

    private static string Digits(ulong value, uint radix)
    {
        if (value == 0)
            return "0";

        var digits = new StringBuilder();
        for (; value != 0; value /= radix)
            digits.Insert(0, "0123456789abcdef"[(int)(value % radix)]);

        return digits.ToString();
    }

    private string Signed(string number, char verb) => number[0] is '-' or '+' ? number : Plus && verb != 'v' ? "+" + number : Space ? " " + number : number;

    private void PadNumber(string text)
    {
        if (Zero && !Minus && text.Length < Width && char.IsAsciiDigit(text[^1]))
        {
            int sign = text[0] is '-' or '+' or ' ' ? 1 : 0;
            text = text[..sign] + text[sign..].PadLeft(Width - sign, '0');
        }

        Pad(text);
    }

    private void Pad(string text)
    {
        int missing = Width - GoText.RuneCount(text);
        if (missing > 0 && !Minus)
            output.Append(Zero ? '0' : ' ', missing);

        output.Append(text);
        if (missing > 0 && Minus)
            output.Append(' ', missing);
    }
}
