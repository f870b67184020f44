using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth container prune</c>.</summary>
internal static class PruneCommand
{
    public static Command Create(string path) => PruneReport.CreateCommand(
        path, "Remove all stopped containers", new FlagSet(), () => "WARNING! This will remove all stopped containers.", RunAsync);

    /// <summary>Removes stopped containers; what was removed as text.</summary>
    public static async Task<PruneReport> RunAsync(CliContext context, IReadOnlyList<KeyValuePair<string, string>> filters)
    {
        using JsonDocument answer = JsonDocument.Parse(await context.Client.PostRawAsync("/containers/prune", filters));
        string[] ids = [.. answer.RootElement.Items("ContainersDeleted").Select(item => item.GetString() ?? "")];
        return new PruneReport(ids.Length == 0 ? "" : "Deleted Containers:\n" + string.Join('\n', ids) + "\n", answer.RootElement.Number("SpaceReclaimed"));
    }
}
