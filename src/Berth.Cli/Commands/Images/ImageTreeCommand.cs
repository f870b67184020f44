using System.Globalization;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Terminal;
using Berth.Model;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth image tree</c>, which docker does not have: an image's steps, and what the layer of each added, changed and removed.</summary>
internal static class ImageTreeCommand
{
    private const int ShownInstruction = 100;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string format = "";
        int depth = 2;
        flags.Text("depth", null, "Levels of folders that are shown one by one; what lies deeper is added up. 0: layers only", value => depth = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int levels)
            ? levels
            : throw new FlagValueException("wanted a number of levels"), defaultText: "2");
        flags.Text("format", null, "'json' prints a line of JSON for each step, change and sum; without it lines for people", value => format = value is "" or "json"
            ? value
            : throw new FlagValueException("wanted json, or nothing"));
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] IMAGE",
            Summary = "Show the steps of an image, and what each of its layers added, changed and removed",
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = (context, images) => RunAsync(context, images[0], depth, format),
        };
    }

    /// <summary>What made the step, in one line that can be printed.</summary>
    public static string Instruction(ImageStepAnswer step)
    {
        string text = PrintableText.Line(step.CreatedBy).Trim();
        return text.Length == 0 ? "(not said)" : Units.Ellipsis(text, ShownInstruction);
    }

    private static async Task<int> RunAsync(CliContext context, string image, int depth, string format)
    {
        await context.Client.WalkImageAsync(image, depth, line =>
        {
            if (line.Error is { } error)
                throw new CommandFailedException(error, exitCode: 1);

            context.Out.Write(format.Length > 0 ? JsonSerializer.Serialize(line, StorageJson.Context.ImageContentLine) + "\n" : Describe(line));
        });
        return 0;
    }

    private static string Describe(ImageContentLine line) =>
        line.Step is { Layer: 0 } empty ? $"--  {Instruction(empty)}\n"
        : line.Step is { } step ? $"#{step.Layer}  {Units.ShortId(step.DiffId)}  {Units.Size(step.Size)}  {Instruction(step)}\n"
        : line.Change is { } change ? "    " + ImageDiffCommand.Describe(change with { Layer = 0 })
        : line.Totals is { } totals ? $"    {totals.Added} added, {totals.Changed} changed, {totals.Removed} removed\n"
        : "";
}
