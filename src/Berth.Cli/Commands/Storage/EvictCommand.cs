using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Storage;

/// <summary><c>berth system evict</c>, which docker does not have: removes images until the storage budget is kept.</summary>
internal static class EvictCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string target = "";
        bool isDry = false;
        flags.Switch("dry-run", null, "Only show what would go", value => isDry = value);
        flags.Text("to", null, "How much the data root may take, such as 20GB, or 60% of its file system (default: the daemon's storage budget)", value => target = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Remove images that nothing uses, the least recently used first, until the storage budget is kept",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = (context, _) => RunAsync(context, target.Length == 0 ? null : target, isDry),
        };
    }

    /// <summary>Ends with 1 when the budget is exceeded all the same.</summary>
    private static async Task<int> RunAsync(CliContext context, string? target, bool isDry)
    {
        EvictionAnswer done = await context.Client.EvictImagesAsync(target, isDry);
        foreach (EvictedImageAnswer image in done.Images)
        {
            string used = image.LastUsed is { } time ? Units.Age(DateTimeOffset.UtcNow - time) + " ago" : "nobody knows when";
            context.Out.WriteLine($"{(isDry ? "Would remove" : "Removed")} {(image.Names.Count > 0 ? string.Join(", ", image.Names) : image.Id)} (last used {used})");
        }

        bool isKept = done.Left <= done.Limit;
        context.Out.WriteLine($"The data root {(isDry && done.Images.Count > 0 ? "would take about" : "takes")} {Units.ExactSize(done.Left)} of {Units.ExactSize(done.Limit)}{(isKept ? "" : ": what is left is in use or pinned")}.");
        return isKept ? 0 : 1;
    }
}
