using Berth.Cli.Flags;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth create</c>.</summary>
internal static class CreateCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet { Interspersed = false };
        var container = new ContainerFlags(flags);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
            Summary = "Create a new container",
            Aliases = ["container create", "create"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = (context, arguments) => RunAsync(path, context, container, arguments),
        };
    }

    private static async Task<int> RunAsync(string path, CliContext context, ContainerFlags container, IReadOnlyList<string> arguments)
    {
        try
        {
            context.Out.WriteLine(await ContainerCreation.CreateAsync(context, container, container.ToRequest(arguments)));
            return 0;
        }
        catch (CommandFailedException exception) when (exception.ExitCode == 125)
        {
            throw new CommandFailedException($"berth: {exception.Message}\n\nRun 'berth {path} --help' for more information", exitCode: 125);
        }
    }
}
