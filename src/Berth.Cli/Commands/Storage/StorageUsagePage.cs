using System.Text.Json;
using Berth.Api;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Storage;

/// <summary><c>berth system df --disk</c>, which docker does not have: where every block of the data root is.</summary>
internal static class StorageUsagePage
{
    public static async Task<int> PrintAsync(CliContext context, string format)
    {
        if (format is not ("" or "table" or "json"))
            throw new CommandFailedException($"--disk has the formats table and json, not \"{format}\"", exitCode: 1);

        StorageUsageAnswer usage = await context.Client.MeasureStorageAsync();
        context.Out.Write(format == "json" ? JsonSerializer.Serialize(usage, StorageJson.Context.StorageUsageAnswer) + "\n" : Page(usage));
        return 0;
    }

    private static string Page(StorageUsageAnswer usage)
    {
        (string What, long Bytes)[] rows =
        [
            ("Layers and documents as they came", usage.Blobs),
            ("Unpacked layers", usage.Layers),
            ("Writable layers of containers", usage.Containers),
            ("Logs", usage.Logs),
            ("Other files of containers", usage.ContainerFiles),
            ("Records and events", usage.Metadata),
            ("Unfinished downloads", usage.Unfinished),
            ("Being deleted", usage.Trash),
            ("Damaged blobs put aside", usage.Damaged),
            ("Total", usage.Total),
        ];
        return TabWriter.Align($"ON DISK BELOW {usage.DataRoot}\tSIZE\n" + string.Join('\n', rows.Select(static row => $"{row.What}\t{Units.ExactSize(row.Bytes)}"))) + "\n";
    }
}
