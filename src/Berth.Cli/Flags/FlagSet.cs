using System.Globalization;
using Berth.Cli.Formatting.Values;

namespace Berth.Cli.Flags;

/// <summary>The flags of the invoked command, and the parser: docker's rules (--name value, --name=value, -abc, -fvalue, -- ends the flags).</summary>
internal sealed class FlagSet
{
    private readonly List<Flag> flags = [];
    private readonly HashSet<string> changed = new(StringComparer.Ordinal);
    private readonly List<string> notices = [];

    /// <summary>All flags in the order they were declared.</summary>
    public IReadOnlyList<Flag> Flags => flags;

    /// <summary>What to tell the user about the flags used, before the command runs.</summary>
    public IReadOnlyList<string> Notices => notices;

    /// <summary>Whether flags may come after the first argument; not for commands that run another's command line.</summary>
    public bool Interspersed { get; init; } = true;

    /// <summary>Whether the command line set a flag.</summary>
    public bool Changed(string name) => changed.Contains(name);

    public void Add(Flag flag) => flags.Add(flag);

    public void Switch(string name, char? shorthand, string usage, Action<bool> set, string? defaultText = null) =>
        Add(new Flag(name, shorthand, "", usage, defaultText, text => set(ParseSwitch(text))));

    public void Text(string name, char? shorthand, string usage, Action<string> set, string type = "string", string? defaultText = null) =>
        Add(new Flag(name, shorthand, type, usage, defaultText, set));

    public void Number(string name, char? shorthand, string usage, Action<long> set, string type = "int", string? defaultText = null) =>
        Add(new Flag(name, shorthand, type, usage, defaultText, text => set(ParseNumber(text))));

    /// <summary>A flag that may be repeated; each value is appended.</summary>
    public void List(string name, char? shorthand, string usage, List<string> values, string type = "list", Func<string, string>? check = null) =>
        Add(new Flag(name, shorthand, type, usage, null, text => values.Add(check is null ? text : check(text))));

    /// <summary>A flag that may be repeated, each time with several values separated by commas.</summary>
    public void Texts(string name, string usage, List<string> values) =>
        Add(new Flag(name, null, "strings", usage, null, text => values.AddRange(text.Length == 0 ? [] : CsvFields.Split(text))));

    /// <summary>Conditions <c>name=value</c>, repeated.</summary>
    public void Filter(List<KeyValuePair<string, string>> filters, string usage, char? shorthand = 'f') =>
        Add(new Flag("filter", shorthand, "filter", usage, null, text => filters.Add(Values.Filter(text))));

    /// <summary>An old spelling that still works; its use is told in <see cref="Notices"/>.</summary>
    public void Deprecated(string name, string instead, Action<string> set) => Add(new Flag(name, null, "old", "", null, text =>
    {
        notices.Add($"Flag --{name} has been deprecated, use --{instead} instead");
        set(text);
    })
    { IsHidden = true });

    /// <summary>Parses a command line and returns the arguments that are no flags.</summary>
    /// <exception cref="FlagValueException">An unknown flag, a missing or bad value; the message is the first line of docker's.</exception>
    /// <exception cref="HelpRequestedException"><c>--help</c>, or <c>-h</c> where that is not a flag of the command.</exception>
    public List<string> Parse(ReadOnlySpan<string> arguments)
    {
        var positional = new List<string>();
        for (int i = 0; i < arguments.Length; i++)
        {
            string argument = arguments[i];
            if (argument == "--")
            {
                positional.AddRange(arguments[(i + 1)..]);
                break;
            }

            if (argument.Length < 2 || argument[0] != '-')
            {
                positional.Add(argument);
                if (Interspersed)
                    continue;

                positional.AddRange(arguments[(i + 1)..]);
                break;
            }

            i = argument[1] == '-' ? ParseLong(arguments, i) : ParseShort(arguments, i);
        }

        return positional;
    }

    private int ParseLong(ReadOnlySpan<string> arguments, int index)
    {
        string argument = arguments[index];
        int equals = argument.IndexOf('=');
        string name = equals < 0 ? argument[2..] : argument[2..equals];
        if (name.Length == 0 || name[0] == '-')
            throw new FlagValueException($"bad flag syntax: {argument}");

        Flag? flag = flags.Find(candidate => candidate.Name == name);
        if (flag is null)
            throw name == "help" ? new HelpRequestedException(deprecatedShorthand: false) : new FlagValueException($"unknown flag: --{name}");

        if (equals >= 0)
            Apply(flag, argument[(equals + 1)..]);
        else if (flag.IsSwitch)
            Apply(flag, "true");
        else if (++index < arguments.Length)
            Apply(flag, arguments[index]);
        else
            throw new FlagValueException($"flag needs an argument: --{name}");

        return index;
    }

    private int ParseShort(ReadOnlySpan<string> arguments, int index)
    {
        string argument = arguments[index];
        for (int i = 1; i < argument.Length; i++)
        {
            char letter = argument[i];
            Flag? flag = flags.Find(candidate => candidate.Shorthand == letter);
            if (flag is null)
                throw letter == 'h' ? new HelpRequestedException(deprecatedShorthand: true)
                    : new FlagValueException($"unknown shorthand flag: '{letter}' in {argument}");

            if (i + 2 < argument.Length && argument[i + 1] == '=')
            {
                Apply(flag, argument[(i + 2)..]);
                return index;
            }

            if (flag.IsSwitch)
            {
                Apply(flag, "true");
            }
            else if (i + 1 < argument.Length)
            {
                Apply(flag, argument[(i + 1)..]);
                return index;
            }
            else if (++index < arguments.Length)
            {
                Apply(flag, arguments[index]);
                return index;
            }
            else
            {
                throw new FlagValueException($"flag needs an argument: '{letter}' in {argument}");
            }
        }

        return index;
    }

    private void Apply(Flag flag, string value)
    {
        try
        {
            flag.Set(value);
            changed.Add(flag.Name);
        }
        catch (FlagValueException exception)
        {
            string names = flag.Shorthand is { } letter ? $"-{letter}, --{flag.Name}" : $"--{flag.Name}";
            throw new FlagValueException($"invalid argument {GoText.Quote(value)} for \"{names}\" flag: {exception.Message}");
        }
    }

    /// <summary>A truth value in Go's words.</summary>
    public static bool ParseSwitch(string text) => text switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => throw new FlagValueException($"strconv.ParseBool: parsing \"{text}\": invalid syntax"),
    };

    /// <summary>A whole number in Go's words.</summary>
    public static long ParseNumber(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
        ? number
        : throw new FlagValueException($"strconv.ParseInt: parsing \"{text}\": {(IsWhole(text) ? "value out of range" : "invalid syntax")}");

    private static bool IsWhole(string text) => text.TrimStart('-', '+') is { Length: > 0 } digits && digits.All(char.IsAsciiDigit);
}

/// <summary>The user asked for help instead of running the command.</summary>
internal sealed class HelpRequestedException : Exception
{
    public HelpRequestedException(bool deprecatedShorthand) => DeprecatedShorthand = deprecatedShorthand;

    /// <summary>Asked with <c>-h</c>.</summary>
    public bool DeprecatedShorthand { get; }
}
