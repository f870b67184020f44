using System.Text;
using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth image prune</c>.</summary>
internal static class ImagePruneCommand
{
    private const string Dangling = "WARNING! This will remove all dangling images.\nAre you sure you want to continue?";
    private const string Unused = "WARNING! This will remove all images without at least one container associated to them.\nAre you sure you want to continue?";

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var filters = new List<KeyValuePair<string, string>>();
        bool all = false;
        bool force = false;
        flags.Switch("all", 'a', "Remove all unused images, not just dangling ones", value => all = value);
        flags.Filter(filters, "Provide filter values (e.g. \"until=<timestamp>\")", shorthand: null);
        flags.Switch("force", 'f', "Do not prompt for confirmation", value => force = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Remove unused images",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = async (context, _) =>
            {
                if (!force && !Confirmation.Ask(context, all ? Unused : Dangling))
                    return 0;

                PruneReport report = await RunAsync(context, all, filters);
                context.Out.Write(report.Text.Length == 0 ? "" : report.Text + "\n");
                context.Out.WriteLine("Total reclaimed space: " + Units.Size(report.Bytes));
                return 0;
            },
        };
    }

    /// <summary>Removes unused images, with <paramref name="all"/> also those that have names; what was removed as text.</summary>
    public static async Task<PruneReport> RunAsync(CliContext context, bool all, IReadOnlyList<KeyValuePair<string, string>> filters)
    {
        KeyValuePair<string, string> dangling = new("dangling", all ? "false" : "true");
        using JsonDocument answer = JsonDocument.Parse(await context.Client.PostRawAsync("/images/prune", [dangling, .. filters]));
        var text = new StringBuilder();
        foreach (JsonElement item in answer.RootElement.Items("ImagesDeleted"))
        {
            string untagged = item.Text("Untagged");
            text.Append(text.Length == 0 ? "Deleted Images:\n" : "");
            text.Append(untagged.Length > 0 ? "untagged: " + untagged : "deleted: " + item.Text("Deleted")).Append('\n');
        }

        return new PruneReport(text.ToString(), answer.RootElement.Number("SpaceReclaimed"));
    }
}
