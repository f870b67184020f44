using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Terminal;

namespace Berth.Cli.Commands;

/// <summary>What a prune operation removed.</summary>
/// <param name="Text">Lines with a title, or nothing.</param>
/// <param name="Bytes">Space that is free now.</param>
internal readonly record struct PruneReport(string Text, long Bytes)
{
    /// <summary>A command that removes what is unused of one kind: asks first, then says what it removed.</summary>
    /// <param name="path">The words that invoke it.</param>
    /// <param name="summary">What it does.</param>
    /// <param name="flags">Its own flags; those of all such commands are added.</param>
    /// <param name="warning">What will be removed, asked for once the flags are read.</param>
    /// <param name="runAsync">Removes what fits the filters.</param>
    /// <param name="tellsSpace">Whether what is removed takes space at all.</param>
    public static Command CreateCommand(
        string path, string summary, FlagSet flags, Func<string> warning, Func<CliContext, IReadOnlyList<KeyValuePair<string, string>>, Task<PruneReport>> runAsync, bool tellsSpace = true)
    {
        var filters = new List<KeyValuePair<string, string>>();
        bool force = false;
        flags.Filter(filters, "Provide filter values (e.g. \"until=<timestamp>\")", shorthand: null);
        flags.Switch("force", 'f', "Do not prompt for confirmation", value => force = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = summary,
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = async (context, _) =>
            {
                if (!force && !Confirmation.Ask(context, warning() + "\nAre you sure you want to continue?"))
                    return 0;

                PruneReport report = await runAsync(context, filters);
                context.Out.Write(report.Text.Length == 0 ? "" : report.Text + "\n");
                if (tellsSpace)
                    context.Out.WriteLine("Total reclaimed space: " + Units.ExactSize(report.Bytes));
                return 0;
            },
        };
    }
}

/// <summary>Asks before something is removed.</summary>
internal static class Confirmation
{
    /// <summary>Whether the user says yes; everything else, also the end of the input, is a no.</summary>
    public static bool Ask(CliContext context, string question) => Prompt.Ask(context, question + " [y/N] ").Equals("y", StringComparison.OrdinalIgnoreCase);
}
