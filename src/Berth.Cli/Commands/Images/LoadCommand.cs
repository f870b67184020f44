using Berth.Api;
using Berth.Cli.Flags;
using Berth.Linux.Terminal;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth load</c>.</summary>
internal static class LoadCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var platforms = new List<string>();
        string input = "";
        bool quiet = false;
        flags.Text("input", 'i', "Read from tar archive file, instead of STDIN", value => input = value);
        flags.List("platform", null, "Load only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")", platforms, type: "string");
        flags.Switch("quiet", 'q', "Suppress the load output", value => quiet = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS]",
            Summary = "Load an image from a tar archive or STDIN",
            Aliases = ["image load", "load"],
            Flags = flags,
            Arguments = ArgumentCount.None,
            RunAsync = async (context, _) =>
            {
                if (input.Length == 0 && LocalTerminal.IsTerminal(0))
                    throw new CommandFailedException("requested load from stdin, but stdin is empty", exitCode: 1);

                using Stream archive = ImportCommand.Open(input.Length == 0 ? "-" : input);
                await context.Client.LoadImagesAsync(archive, quiet || !LocalTerminal.IsTerminal(1), [.. platforms.Select(Values.Platform)], step => Print(context, step));
                return 0;
            },
        };
    }

    /// <summary>What was loaded; bars of progress would need a terminal that is drawn on, so only their steps' ends are told.</summary>
    private static void Print(CliContext context, JsonMessage step)
    {
        if (step.ErrorDetail?.Message is { } error)
            throw new CommandFailedException(error, exitCode: 1);

        if (step.Stream is { } text)
            context.Out.Write(text);
        else if (step is { Status: { Length: > 0 } status, ProgressDetail: null or { Total: 0 } })
            context.Out.WriteLine(step.Id is null ? status : $"{step.Id}: {status}");

        context.Out.Flush();
    }
}
