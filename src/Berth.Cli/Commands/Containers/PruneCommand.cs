using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth container prune</c>.</summary>
internal static class PruneCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var filters = new List<KeyValuePair<string, string>>();
        bool force = false;
        flags.Filter(filters, "Provide filter values (e.g. \"until=<timestamp>\")", shorthand: null);
        flags.Switch("force", 'f', "Do not prompt for confirmation", value => force = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Remove all stopped containers",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = async (context, _) =>
            {
                if (!force && !Confirmation.Ask(context, "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?"))
                    return 0;

                PruneReport report = await RunAsync(context, filters);
                context.Out.Write(report.Text.Length == 0 ? "" : report.Text + "\n");
                context.Out.WriteLine("Total reclaimed space: " + Units.Size(report.Bytes));
                return 0;
            },
        };
    }

    /// <summary>Removes stopped containers; what was removed as text.</summary>
    public static async Task<PruneReport> RunAsync(CliContext context, IReadOnlyList<KeyValuePair<string, string>> filters)
    {
        using JsonDocument answer = JsonDocument.Parse(await context.Client.PostRawAsync("/containers/prune", filters));
        string[] ids = [.. answer.RootElement.Items("ContainersDeleted").Select(item => item.GetString() ?? "")];
        return new PruneReport(ids.Length == 0 ? "" : "Deleted Containers:\n" + string.Join('\n', ids) + "\n", answer.RootElement.Number("SpaceReclaimed"));
    }
}
