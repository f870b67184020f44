using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth top</c>.</summary>
internal static class TopCommand
{
    private const int MinimumWidth = 20;
    private const int Padding = 3;

    public static Command Create(string path) => new()
    {
        Path = path,
        Usage = "CONTAINER [ps OPTIONS]",
        Summary = "Display the running processes of a container",
        Aliases = ["container top", "top"],
        Flags = new FlagSet { Interspersed = false },
        Arguments = ArgumentCount.AtLeast(1),
        RunAsync = RunAsync,
    };

    private static async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        ContainerTopResponse top = await context.Client.TopContainerAsync(arguments[0], string.Join(' ', arguments.Skip(1)));
        IEnumerable<List<string>> rows = [top.Titles ?? [], .. top.Processes ?? []];
        context.Out.Write(TabWriter.Align(string.Concat(rows.Select(row => string.Join('\t', row) + "\n")), MinimumWidth, Padding));
        return 0;
    }
}
