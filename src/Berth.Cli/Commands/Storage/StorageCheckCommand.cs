using System.Text;
using System.Text.Json;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Linux.Terminal;

namespace Berth.Cli.Commands.Storage;

/// <summary><c>berth system fsck</c>, which docker does not have: proves that what the data root holds is what its records say.</summary>
internal sealed class StorageCheckCommand
{
    private bool repair;
    private bool quick;
    private string format = "";

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var check = new StorageCheckCommand();
        flags.Text("format", null, "'json' prints a line of JSON for each finding and for the summary; without it a page for people", value => check.format = value is "" or "json"
            ? value
            : throw new FlagValueException("wanted json, or nothing"));
        flags.Switch("quick", null, "Look at existence, sizes and documents only, not at the content of layers", value => check.quick = value);
        flags.Switch("repair", null, "Put right what can be, and remove what nothing needs", value => check.repair = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Prove that images and layers on the disk are whole",
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = (context, _) => check.RunAsync(context),
        };
    }

    /// <summary>Ends with 0 when nothing is broken (any more), with 1 when something stays broken.</summary>
    private async Task<int> RunAsync(CliContext context)
    {
        StorageSummaryAnswer? summary = null;
        bool shows = format.Length == 0 && LocalTerminal.IsTerminal(2);
        await context.Client.CheckStorageAsync(repair, quick, line =>
        {
            if (line.Error is { } error)
                throw new CommandFailedException(error, exitCode: 1);

            if (line.Progress is { } progress)
            {
                if (shows)
                    context.Error.Write($"\r\x1b[KChecking {progress.Stage}: {progress.Done} of {progress.Total}");

                context.Error.Flush();
                return;
            }

            if (shows)
            {
                context.Error.Write("\r\x1b[K");
                context.Error.Flush();
            }

            summary = line.Summary ?? summary;
            context.Out.Write(format.Length > 0 ? JsonSerializer.Serialize(line, StorageJson.Context.StorageCheckLine) + "\n" : Describe(line));
            context.Out.Flush();
        });
        return summary is null ? throw new CommandFailedException("the check ended without a result: the daemon went away", exitCode: 1) : summary.Broken > 0 ? 1 : 0;
    }

    private string Describe(StorageCheckLine line) => line.Finding is { } finding ? Page(finding) : line.Summary is { } summary ? Page(summary) : "";

    private static string Page(StorageFindingAnswer finding)
    {
        var text = new StringBuilder($"{finding.State.ToUpperInvariant()} {finding.Kind} {finding.Subject}: {finding.Text}\n");
        if (finding.Images.Count > 0)
            text.Append("  Images: ").AppendJoin(", ", finding.Images).Append('\n');

        if (finding.Containers.Count > 0)
            text.Append("  Containers: ").AppendJoin(", ", finding.Containers).Append('\n');

        if (finding.Advice.Length > 0)
            text.Append("  What to do: ").Append(finding.Advice).Append('\n');

        return text.ToString();
    }

    private static string Page(StorageSummaryAnswer summary)
    {
        var text = new StringBuilder($"Checked {summary.Images} images, {summary.Blobs} blobs, {summary.Layers} layers and {summary.Containers} containers; read {Units.Size(summary.BytesRead)}.\n");
        if (summary.UnprovenLayers > 0)
            text.Append($"Of {summary.UnprovenLayers} layers the images are gone, and only containers stand on them: nothing is left that their content could be compared with.\n");

        if (summary.Removed > 0)
            text.Append($"Removed {summary.Removed} things that nothing needed: {Units.Size(summary.RemovedBytes)}.\n");

        if (summary.Leftovers > 0)
            text.Append($"Nothing needs {summary.Leftovers} things: {Units.Size(summary.LeftoverBytes)}.\n");

        if (summary.Repaired > 0)
            text.Append($"Repaired: {summary.Repaired}.\n");

        return text.Append(summary.Broken == 0 ? "Nothing is broken.\n" : $"Broken: {summary.Broken}.\n").ToString();
    }
}
