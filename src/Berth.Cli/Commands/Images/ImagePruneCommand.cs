using System.Text;
using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth image prune</c>.</summary>
internal static class ImagePruneCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        bool all = false;
        flags.Switch("all", 'a', "Remove all unused images, not just dangling ones", value => all = value);
        return PruneReport.CreateCommand(
            path, "Remove unused images", flags,
            () => $"WARNING! This will remove all {(all ? "images without at least one container associated to them" : "dangling images")}.",
            (context, filters) => RunAsync(context, all, filters));
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
