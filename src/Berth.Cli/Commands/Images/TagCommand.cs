using Berth.Cli.Flags;
using Berth.Model;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth tag</c>.</summary>
internal static class TagCommand
{
    public static Command Create(string path) => new()
    {
        Path = path,
        Usage = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
        Summary = "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
        Aliases = ["image tag", "tag"],
        Flags = new FlagSet(),
        Arguments = ArgumentCount.Exactly(2),
        RunAsync = async (context, names) =>
        {
            if (!ImageReference.TryParse(names[1], out ImageReference target, out string? problem))
                throw new CommandFailedException($"Error parsing reference: \"{names[1]}\" is not a valid repository/tag: {problem}", exitCode: 1);

            if (!target.Digest.IsEmpty)
                throw new CommandFailedException("refusing to create a tag with a digest reference", exitCode: 1);

            await context.Client.TagImageAsync(names[0], target.FamiliarRepository, target.WithDefaultTag().Tag);
            return 0;
        },
    };
}
