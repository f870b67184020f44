using Berth.Cli.Flags;
using Berth.Cli.Terminal;
using Berth.Model;

namespace Berth.Cli.Commands.Registries;

/// <summary><c>berth pull</c>.</summary>
internal static class PullCommand
{
    public static Command Create(string path)
    {
        var flags = new FlagSet();
        (bool all, bool quiet) = (false, false);
        string? platform = null;
        flags.Switch("all-tags", 'a', "Download all tagged images in the repository", value => all = value);
        ContentTrust.Declare(flags, "Skip image verification");
        flags.Text("platform", null, "Set platform if server is multi-platform capable", value => platform = value);
        flags.Switch("quiet", 'q', "Suppress verbose output", value => quiet = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
            Summary = "Download an image from a registry",
            Aliases = ["image pull", "pull"],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = async (context, names) =>
            {
                ImageReference image = RepositoryName.Parse(context, names[0], all, quiet);
                await ImageFetch.RunAsync(context, image, platform, quiet ? ProgressDisplay.Silent() : ProgressDisplay.OnOutput(context));
                context.Out.WriteLine(image.ToString());
                return 0;
            },
        };
    }
}

/// <summary>The name that <c>pull</c> and <c>push</c> take.</summary>
internal static class RepositoryName
{
    /// <summary>Reads it; <c>latest</c> is told where it is assumed.</summary>
    /// <exception cref="CommandFailedException">It is none, or has a tag where all are meant.</exception>
    public static ImageReference Parse(CliContext context, string name, bool all, bool quiet)
    {
        if (!ImageReference.TryParse(name, out ImageReference image, out string? problem))
            throw new CommandFailedException(problem, exitCode: 1);

        bool isNameOnly = image.Tag is null && image.Digest.IsEmpty;
        if (all)
            return isNameOnly ? image : throw new CommandFailedException("tag can't be used with --all-tags/-a", exitCode: 1);

        if (isNameOnly && !quiet)
        {
            context.Out.WriteLine("Using default tag: latest");
            context.Out.Flush();
        }

        return image.WithDefaultTag();
    }
}

/// <summary>Signatures of Notary, which are neither checked nor made.</summary>
internal static class ContentTrust
{
    public static void Declare(FlagSet flags, string usage) => flags.Add(new Flag("disable-content-trust", null, "", usage, "true", static value =>
    {
        if (!FlagSet.ParseSwitch(value))
            throw new UsageException("--disable-content-trust=false: content trust is not supported", exitCode: 1);
    }));
}
