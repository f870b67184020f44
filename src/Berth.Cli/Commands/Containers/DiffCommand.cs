using System.Text;
using System.Text.Json;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth diff</c>.</summary>
internal static class DiffCommand
{
    public static Command Create(string path) => new()
    {
        Path = path,
        Usage = "CONTAINER",
        Summary = "Inspect changes to files or directories on a container's filesystem",
        Aliases = ["container diff", "diff"],
        Flags = new FlagSet(),
        Arguments = ArgumentCount.Exactly(1),
        RunAsync = RunAsync,
    };

    private static async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        if (arguments[0].Length == 0)
            throw new CommandFailedException("Container name cannot be empty", exitCode: 1);

        using JsonDocument changes = JsonDocument.Parse(await context.Client.GetRawAsync($"/containers/{Uri.EscapeDataString(arguments[0])}/changes"));
        var text = new StringBuilder();
        foreach (JsonElement change in changes.RootElement.Items())
            text.Append(Letter(change.Number("Kind"))).Append(' ').Append(change.Text("Path")).Append('\n');

        context.Out.Write(text.ToString());
        return 0;
    }

    private static char Letter(long kind) => kind switch
    {
        0 => 'C',
        1 => 'A',
        2 => 'D',
        _ => '?',
    };
}
