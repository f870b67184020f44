using System.Text.Json;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth image diff</c>, which docker does not have: what one image has otherwise than another, and which layer made it so.</summary>
internal static class ImageDiffCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string format = "";
        bool layers = false;
        flags.Text("format", null, "'json' prints a line of JSON for each change; without it lines for people", value => format = value is "" or "json"
            ? value
            : throw new FlagValueException("wanted json, or nothing"));
        flags.Switch("layers", null, "Show which layers the images share and which each has alone, not files", value => layers = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] IMAGE IMAGE",
            Summary = "Show what the second image has otherwise than the first, and which layer made it so",
            Flags = flags,
            Arguments = ArgumentCount.Exactly(2),
            RunAsync = (context, images) => RunAsync(context, images[0], images[1], layers, format),
        };
    }

    /// <summary>A line of a change: its letter, by how many bytes it makes the image larger, its layer, its path.</summary>
    public static string Describe(ImageChangeAnswer change)
    {
        char letter = change.Kind switch { 0 => 'C', 1 => 'A', 2 => 'D', _ => '?' };
        long bytes = change.Size - change.OldSize;
        string size = (bytes < 0 ? "-" : "+") + Units.Size(Math.Abs(bytes));
        string layer = change.Layer == 0 ? "" : "#" + change.Layer;
        string below = change.Below == 0 ? "" : $" ({change.Below} below)";
        return $"{letter} {size,10} {layer,4}  {change.Path}{below}\n";
    }

    private static async Task<int> RunAsync(CliContext context, string first, string second, bool layers, string format)
    {
        await context.Client.CompareImagesAsync(first, second, layers, line =>
        {
            if (line.Error is { } error)
                throw new CommandFailedException(error, exitCode: 1);

            context.Out.Write(format.Length > 0 ? JsonSerializer.Serialize(line, StorageJson.Context.ImageContentLine) + "\n" : Describe(line));
        });
        return 0;
    }

    private static string Describe(ImageContentLine line) =>
        line.Change is { } change ? Describe(change)
        : line.Step is { } step ? $"{(step.In == "both" ? '=' : step.In == "first" ? 'D' : 'A')} {Units.Size(step.Size),10} {"#" + step.Layer,4}  {Units.ShortId(step.DiffId)}  {ImageTreeCommand.Instruction(step)}\n"
        : line.Totals is { } totals ? $"{totals.Added} added, {totals.Changed} changed, {totals.Removed} removed: +{Units.Size(totals.AddedBytes)} -{Units.Size(totals.RemovedBytes)}\n"
        : "";
}
