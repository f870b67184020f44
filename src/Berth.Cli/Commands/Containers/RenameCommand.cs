using Berth.Cli.Flags;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth rename</c>.</summary>
internal static class RenameCommand
{
    public static Command Create(string path) => new()
    {
        Path = path,
        Usage = "CONTAINER NEW_NAME",
        Summary = "Rename a container",
        Aliases = ["container rename", "rename"],
        Flags = new FlagSet(),
        Arguments = ArgumentCount.Exactly(2),
        RunAsync = (context, arguments) => RunAsync(context, arguments[0].Trim(), arguments[1].Trim()),
    };

    private static async Task<int> RunAsync(CliContext context, string container, string name)
    {
        if (container.Length == 0 || name.Length == 0)
            throw new CommandFailedException("Error: Neither old nor new names may be empty", exitCode: 1);

        try
        {
            await context.Client.RenameContainerAsync(container, name);
            return 0;
        }
        catch (EngineException exception)
        {
            throw new CommandFailedException($"{ErrorText.Of(exception)}\nError: failed to rename container named {container}", exitCode: 1);
        }
    }
}
