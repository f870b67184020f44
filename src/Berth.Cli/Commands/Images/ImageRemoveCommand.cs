using Berth.Api;
using Berth.Cli.Flags;
using Berth.Model;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth rmi</c>.</summary>
internal static class ImageRemoveCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        bool force = false;
        bool noPrune = false;
        var platforms = new List<string>();
        flags.Switch("force", 'f', "Force removal of the image", value => force = value);
        flags.Switch("no-prune", null, "Do not delete untagged parents", value => noPrune = value);
        flags.List("platform", null, "Remove only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")", platforms, type: "strings", check: Values.Platform);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] IMAGE [IMAGE...]",
            Summary = "Remove one or more images",
            Aliases = ["image rm", "image remove", "rmi"],
            Flags = flags,
            Arguments = ArgumentCount.AtLeast(1),
            RunAsync = (context, images) => RunAsync(context, images, force, noPrune, platforms),
        };
    }

    private static async Task<int> RunAsync(CliContext context, IReadOnlyList<string> images, bool force, bool noPrune, List<string> platforms)
    {
        bool failed = false;
        foreach (string image in images)
        {
            try
            {
                foreach (ImageDeleteItem item in await context.Client.RemoveImageAsync(image, force, noPrune, platforms))
                    context.Out.WriteLine(item.Deleted is { } deleted ? "Deleted: " + deleted : "Untagged: " + item.Untagged);
            }
            catch (EngineException exception)
            {
                // With --force what is missing is as wanted, but told.
                failed |= !(force && exception.Kind == ErrorKind.NotFound);
                context.Say(ErrorText.Of(exception));
            }
        }

        return failed ? 1 : 0;
    }
}
