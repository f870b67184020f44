using Berth.Cli.Flags;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth rm</c>.</summary>
internal static class RemoveCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        bool force = false;
        bool link = false;
        bool volumes = false;
        flags.Switch("force", 'f', "Force the removal of a running container (uses SIGKILL)", value => force = value);
        flags.Switch("link", 'l', "Remove the specified link", value => link = value);
        flags.Switch("volumes", 'v', "Remove anonymous volumes associated with the container", value => volumes = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER [CONTAINER...]",
            Summary = "Remove one or more containers",
            Aliases = ["container rm", "container remove", "rm"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = async (context, names) =>
            {
                bool missing = false;
                int status = await EachContainer.RunAsync(context, names, async name =>
                {
                    string container = name.Trim('/');
                    if (container.Length == 0)
                        throw new CommandFailedException("container name cannot be empty", exitCode: 1);

                    try
                    {
                        await context.Client.RemoveContainerAsync(container, force, volumes, link);
                        return container;
                    }
                    catch (EngineException exception) when (force && exception.Kind == ErrorKind.NotFound)
                    {
                        // Gone already: as wanted, but told.
                        missing = true;
                        context.Say(ErrorText.Of(exception));
                        return null;
                    }
                });
                return missing && status == 0 ? 0 : status;
            },
        };
    }
}
