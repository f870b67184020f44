using System.Globalization;

namespace Berth.RuntimeHost.CommandLine;

/// <summary>
/// Parsed flags and what follows them. The grammar is that of runc (Go's package flag): one or two dashes, <c>--name value</c> or <c>--name=value</c>,
/// and the first word that is no flag ends them, as <c>--</c> does.
/// </summary>
internal sealed class Arguments
{
    private readonly Dictionary<string, List<string>> values = new(StringComparer.Ordinal);

    private Arguments(IReadOnlyList<string> rest) => Rest = rest;

    /// <summary>What follows the flags.</summary>
    public IReadOnlyList<string> Rest { get; private set; }

    /// <summary>Whether help was asked for.</summary>
    public bool WantsHelp { get; private set; }

    /// <summary>Parses the words after the verb (or after the program's name).</summary>
    /// <exception cref="UsageException">An unknown flag, or one without its value.</exception>
    public static Arguments Parse(IReadOnlyList<string> words, IReadOnlyList<Flag> flags)
    {
        var result = new Arguments([]);
        int i = 0;
        for (; i < words.Count; i++)
        {
            string word = words[i];
            if (word.Length < 2 || word[0] != '-')
                break;
            if (word == "--")
            {
                i++;
                break;
            }

            i += result.Take(word, i + 1 < words.Count ? words[i + 1] : null, flags);
        }

        result.Rest = [.. words.Skip(i)];
        return result;
    }

    /// <summary>Whether the flag was given, with whatever value.</summary>
    public bool IsSet(string name) => values.ContainsKey(name);

    /// <summary>Whether a switch is on.</summary>
    public bool IsOn(string name) => Text(name) is { } value && ParseSwitch(value) == true;

    /// <summary>The last value; null when absent.</summary>
    public string? Text(string name) => values.TryGetValue(name, out List<string>? all) ? all[^1] : null;

    /// <summary>All values, in order.</summary>
    public IReadOnlyList<string> Texts(string name) => values.TryGetValue(name, out List<string>? all) ? all : [];

    /// <summary>The last value; null when absent.</summary>
    public long? Number(string name) => Text(name) is { } text ? long.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : null;

    /// <summary>Complains when the number of words after the flags is not right.</summary>
    /// <exception cref="UsageException">It is not.</exception>
    public void Expect(string verb, int least, int most = int.MaxValue)
    {
        if (Rest.Count >= least && Rest.Count <= most)
            return;
        string wanted = least == most
            ? $"exactly {least} argument(s)"
            : Rest.Count < least ? $"a minimum of {least} argument(s)" : $"a maximum of {most} argument(s)";
        throw new UsageException($"{Program.Name}: \"{verb}\" requires {wanted}", isArgumentCount: true);
    }

    // How many more words were used.
    private int Take(string word, string? next, IReadOnlyList<Flag> flags)
    {
        string name = word[(word.StartsWith("--", StringComparison.Ordinal) ? 2 : 1)..];
        int equals = name.IndexOf('=', StringComparison.Ordinal);
        string? value = equals < 0 ? null : name[(equals + 1)..];
        name = equals < 0 ? name : name[..equals];
        if (name.Length == 0 || name[0] == '-')
            throw new UsageException($"bad flag syntax: {word}");
        if (name is "help" or "h")
        {
            WantsHelp = true;
            return 0;
        }

        Flag flag = flags.FirstOrDefault(f => f.Name == name || f.Short == name) ?? throw new UsageException($"flag provided but not defined: -{name}");
        if (flag.Kind == FlagKind.Switch)
        {
            value ??= "true";
            if (ParseSwitch(value) is null)
                throw new UsageException($"invalid boolean value \"{value}\" for -{name}: parse error");
            Add(flag.Name, value);
            return 0;
        }

        int used = value is null ? 1 : 0;
        value ??= next ?? throw new UsageException($"flag needs an argument: -{name}");
        if (flag.Kind == FlagKind.Number && !long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            throw new UsageException($"invalid value \"{value}\" for flag -{name}: parse error");
        Add(flag.Name, value);
        return used;
    }

    private void Add(string name, string value)
    {
        if (!values.TryGetValue(name, out List<string>? all))
            values[name] = all = [];
        all.Add(value);
    }

    private static bool? ParseSwitch(string value) => value switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };
}
