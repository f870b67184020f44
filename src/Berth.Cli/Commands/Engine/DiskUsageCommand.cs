using System.Text;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Commands.Images;
using Berth.Cli.Commands.Storage;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Engine;

/// <summary><c>berth system df</c>.</summary>
internal static class DiskUsageCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string format = "";
        bool verbose = false;
        bool disk = false;
        flags.Switch("disk", null, "Show what everything below the data root takes on the disk instead", value => disk = value);
        flags.Text("format", null, ListCommand.FormatUsage, value => format = value);
        flags.Switch("verbose", 'v', "Show detailed information on space usage", value => verbose = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Show disk usage",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = (context, _) => disk ? StorageUsagePage.PrintAsync(context, format) : RunAsync(context, format, verbose),
        };
    }

    private static async Task<int> RunAsync(CliContext context, string format, bool verbose)
    {
        using JsonDocument document = JsonDocument.Parse(await context.Client.GetRawAsync("/system/df"));
        JsonElement usage = document.RootElement;
        if (verbose)
        {
            context.Out.Write(format is "" or "table" ? Details(usage) : ObjectFormat.Parse(format).Render(UsageDetails.ToValue(usage)));
            return 0;
        }

        ListFormat parsed = format is "" or "table" ? ListFormat.Table("Type", "TotalCount", "Active", "Size", "Reclaimable") : ListFormat.Parse(format);
        context.Out.Write(parsed.Render(UsageRow.All(usage), UsageRow.Header));
        return 0;
    }

    private static string Details(JsonElement usage)
    {
        var text = new StringBuilder("Images space usage:\n\n");
        text.Append(ListFormat.Table("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers")
            .Render(UsageDetails.Images(usage, truncate: true), ImageRow.Header));
        text.Append("\nContainers space usage:\n\n");
        text.Append(ListFormat.Table("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names")
            .Render(UsageDetails.Containers(usage, truncate: true), ContainerRow.Header));
        text.Append("\nLocal Volumes space usage:\n\n");
        text.Append(ListFormat.Table("Name", "Links", "Size").Render(UsageDetails.Volumes(usage), VolumeUsageRow.Header));
        text.Append("\nBuild cache usage: ").Append(Units.ExactSize(UsageRow.CacheBytes(usage))).Append("\n\n");
        return text.Append(ListFormat.Table("ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared")
            .Render(UsageDetails.Cache(usage, truncate: true), CacheUsageRow.Header)).ToString();
    }
}
