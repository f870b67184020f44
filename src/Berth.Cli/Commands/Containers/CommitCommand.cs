using Berth.Cli.Flags;
using Berth.Client;
using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary><c>berth commit</c>.</summary>
internal static class CommitCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var options = new CommitOptions();
        var changes = new List<string>();
        flags.Text("author", 'a', "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")", value => options = options with { Author = value });
        flags.List("change", 'c', "Apply Dockerfile instruction to the created image", changes);
        flags.Text("message", 'm', "Commit message", value => options = options with { Comment = value });
        flags.Switch("pause", 'p', "Pause container during commit", value => options = options with { Pause = value }, "true");
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
            Summary = "Create a new image from a container's changes",
            Aliases = ["container commit", "commit"],
            Flags = flags,
            Arguments = new ArgumentCount(1, 2),
            RunAsync = async (context, arguments) =>
            {
                (string? repository, string? tag) = arguments.Count > 1 && arguments[1].Length > 0 ? Split(arguments[1]) : (null, null);
                CommitOptions complete = options with { Changes = changes, Repository = repository, Tag = tag };
                context.Out.WriteLine(await context.Client.CommitContainerAsync(arguments[0], complete));
                return 0;
            },
        };
    }

    private static (string Repository, string? Tag) Split(string name)
    {
        if (!ImageReference.TryParse(name, out ImageReference reference, out string? problem))
            throw new CommandFailedException(problem, exitCode: 1);

        return reference.Digest.IsEmpty
            ? (reference.FamiliarRepository, reference.WithDefaultTag().Tag)
            : throw new CommandFailedException("refusing to create a tag with a digest reference", exitCode: 1);
    }
}
