using System.Text.Json;
using Berth.Api;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Registries;
using Berth.Cli.Terminal;
using Berth.Client;
using Berth.Linux.Terminal;
using Berth.Model;

namespace Berth.Cli.Commands.Registries;

/// <summary><c>berth push</c>.</summary>
internal sealed class PushCommand
{
    private const string PlatformUsage = "Push a platform-specific manifest as a single-platform image to the registry.\nImage index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n"
        + "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)";

    private const string OnePlatform = "Using --platform pushes only the specified platform manifest of a multi-platform image index.\nOther components, like attestations, will not be included.\n"
        + "To push the complete multi-platform image, remove the --platform flag.\n";

    private const string Incomplete = "You're trying to push a manifest list/index which\nreferences multiple platform specific manifests, but not all of them are available locally\n"
        + "or available to the remote repository.\n\nMake sure you have all the referenced content and try again.\n\n"
        + "You can also push only a single platform specific manifest directly by specifying the platform you want to push with the --platform flag.";

    private readonly List<string> notes = [];
    private bool all;
    private bool quiet;
    private string? platform;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var push = new PushCommand();
        flags.Switch("all-tags", 'a', "Push all tags of an image to the repository", value => push.all = value);
        ContentTrust.Declare(flags, "Skip image signing");
        flags.Text("platform", null, PlatformUsage, value => push.platform = value);
        flags.Switch("quiet", 'q', "Suppress verbose output", value => push.quiet = value);
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] NAME[:TAG]",
            Summary = "Upload an image to a registry",
            Aliases = ["image push", "push"],
            Flags = flags,
            Arguments = ArgumentCount.Exactly(1),
            RunAsync = push.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> names)
    {
        DistributionPlatform? only = platform is { Length: > 0 } ? ParsePlatform(platform) : null;
        if (only is not null)
            Tell(context, OnePlatform);

        if (ImageReference.TryParse(names[0], out ImageReference named, out _) && !named.Digest.IsEmpty && !all)
            throw new CommandFailedException("cannot push a digest reference", exitCode: 1);

        ImageReference image = RepositoryName.Parse(context, names[0], all, quiet);
        ProgressDisplay display = quiet ? ProgressDisplay.Silent() : ProgressDisplay.OnOutput(context);
        display.Aside = NoteAside;
        try
        {
            await context.Client.PushImageAsync(
                new ImagePushOptions { Repository = image.Repository, Tag = image.Tag, Platform = only, Auth = RegistryCredentials.Of(context, image) }, display.Show);
            if (quiet)
                context.Out.WriteLine(image.ToString());
        }
        finally
        {
            notes.ForEach(note => Tell(context, note));
            context.Out.Flush();
        }

        return 0;
    }

    private static void Tell(CliContext context, string note) => Note.Write(context.Out, LocalTerminal.IsTerminal(1), note);

    private static DistributionPlatform ParsePlatform(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(Values.Platform(text), ApiJson.Context.DistributionPlatform)!; // made of an object
        }
        catch (FlagValueException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }
    }

    private void NoteAside(JsonElement aside)
    {
        if (aside.ValueKind != JsonValueKind.Object)
            return;

        if (aside.Flag("manifestPushedInsteadOfIndex"))
            notes.Add($"Not all multiplatform-content is present and only the available single-platform image was pushed\n{DigestOf(aside, "originalIndex", 31)} -> {DigestOf(aside, "selectedManifest", 32)}");

        if (aside.Flag("contentMissing"))
            notes.Add(Incomplete);
    }

    private static string DigestOf(JsonElement aside, string name, int colour) =>
        aside.TryGetProperty(name, out JsonElement descriptor) && descriptor.ValueKind == JsonValueKind.Object ? $"\e[{colour}m{descriptor.Text("digest")}\e[0m" : "";
}
