using Berth.Cli.Flags;
using Berth.Cli.Terminal;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth export</c>.</summary>
internal static class ExportCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        string output = "";
        flags.Text("output", 'o', "Write to a file, instead of STDOUT", value => output = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER",
            Summary = "Export a container's filesystem as a tar archive",
            Aliases = ["container export", "export"],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = (context, arguments) =>
                ArchiveOutput.ReceiveAsync(context, output, "failed to export container", () => context.Client.ExportContainerAsync(arguments[0])),
        };
    }
}
