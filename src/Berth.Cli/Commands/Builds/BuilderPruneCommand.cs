using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Builds;

/// <summary><c>berth builder prune</c>.</summary>
internal static class BuilderPruneCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var filters = new List<KeyValuePair<string, string>>();
        (bool all, bool force, long keepBytes) = (false, false, 0);
        flags.Switch("all", 'a', "Remove all unused build cache, not just dangling ones", value => all = value);
        flags.Filter(filters, "Provide filter values (e.g. \"until=24h\")", shorthand: null);
        flags.Switch("force", 'f', "Do not prompt for confirmation", value => force = value);
        flags.Text("keep-storage", null, "Amount of disk space to keep for cache", value => keepBytes = Values.Bytes(value), "bytes");
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Remove build cache",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = async (context, _) =>
            {
                if (!force && !Confirmation.Ask(context, $"WARNING! This will remove all {(all ? "" : "dangling ")}build cache. Are you sure you want to continue?"))
                    return 0;

                PruneReport report = await RunAsync(context, all, keepBytes, filters);
                context.Out.Write(report.Text.Length == 0 ? "" : report.Text + "\n");
                context.Out.WriteLine("Total reclaimed space: " + Units.ExactSize(report.Bytes));
                return 0;
            },
        };
    }

    /// <summary>Removes what builds keep, with <paramref name="all"/> also what images share; what was removed as text.</summary>
    public static async Task<PruneReport> RunAsync(CliContext context, bool all, long keepBytes, IReadOnlyList<KeyValuePair<string, string>> filters)
    {
        BuildPruneAnswer answer = await context.Client.PruneBuildsAsync(all, keepBytes, filters);
        return new PruneReport(
            answer.CachesDeleted is { Count: > 0 } ids ? $"Deleted build cache objects:\n{string.Join('\n', ids)}\n" : "", answer.SpaceReclaimed);
    }
}
