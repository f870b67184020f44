using System.Text;

namespace Berth.RuntimeHost.CommandLine;

/// <summary>One verb of the command line.</summary>
/// <param name="Name">As it is typed.</param>
/// <param name="Summary">One line.</param>
/// <param name="Usage">What follows the flags, and what it means.</param>
/// <param name="Description">More, or empty.</param>
/// <param name="Flags">Its flags.</param>
/// <param name="Run">Does it; returns the exit status.</param>
internal sealed record Verb(string Name, string Summary, string Usage, string Description, IReadOnlyList<Flag> Flags, Func<VerbCall, int> Run)
{
    /// <summary>The exit status of a failure.</summary>
    public int FailureCode { get; init; } = 1;

    /// <summary>Put before the message of a failure.</summary>
    public string FailurePrefix { get; init; } = "";

    /// <summary>Whether a process of a container will come out of this one.</summary>
    public bool StartsProcess { get; init; }

    /// <summary>Whether its words are not parsed at all.</summary>
    public bool TakesAnything { get; init; }

    /// <summary>The help text.</summary>
    public string Help()
    {
        var text = new StringBuilder();
        text.Append($"NAME:\n   {Program.Name} {Name} - {Summary}\n\nUSAGE:\n   {Program.Name} {Name} {(Flags.Count > 0 ? "[command options] " : "")}{Usage}\n");
        if (Description.Length > 0)
            text.Append($"\nDESCRIPTION:\n   {Description}\n");
        if (Flags.Count > 0)
            AppendFlags(text.Append("\nOPTIONS:\n"), Flags);
        return text.ToString();
    }

    /// <summary>The flags with their texts, in two columns.</summary>
    public static void AppendFlags(StringBuilder text, IReadOnlyList<Flag> flags)
    {
        string[] names = [.. flags.Select(Show)];
        int width = names.Max(static n => n.Length);
        for (int i = 0; i < names.Length; i++)
            text.Append($"   {names[i].PadRight(width)}  {flags[i].Text}{(flags[i].Default is { } value ? $" (default: {value})" : "")}\n");
    }

    private static string Show(Flag flag)
    {
        string value = flag.Kind == FlagKind.Switch ? "" : " value";
        return $"--{flag.Name}{value}{(flag.Short is null ? "" : $", -{flag.Short}{value}")}";
    }
}

/// <summary>What a verb gets.</summary>
/// <param name="Arguments">Those after the verb.</param>
/// <param name="Options">The global options.</param>
internal sealed record VerbCall(Arguments Arguments, GlobalOptions Options);
