using System.Globalization;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Images;
using Berth.Cli.Terminal;
using Berth.Model;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth image copy</c>.</summary>
internal sealed class ImageCopyCommand
{
    private const string Description = "Copy an image between registries, folders, archives and engines\n\n"
        + "A place is one of\n"
        + "  NAME[:TAG|@DIGEST]    an image of a registry\n"
        + "  oci:FOLDER[:TAG]      an OCI layout\n"
        + "  archive:FILE          a tar archive, as of save or of an OCI layout\n"
        + "  host:NAME[:TAG]       an image of the engine\n"
        + "  ssh://[USER@]HOST[:PORT]/NAME[:TAG]\n"
        + "                        an image of another machine's engine\n\n"
        + "Digests stay the same, only what is missing is moved, and an image for several platforms\nis copied with all of them, to an engine with its own alone.\nWithout a tag the destination gets the source's.";

    private readonly FlagSet flags;
    private bool all;
    private bool insecure;
    private bool quiet;
    private string platform = "";

    private ImageCopyCommand(FlagSet flags)
    {
        this.flags = flags;
        flags.Switch("all-tags", 'a', "Copy all tags of the source's repository or file", value => all = value);
        flags.Switch("insecure", null, "Allow communication with insecure registries", value => insecure = value);
        flags.Text("platform", null, "Copy one platform's image alone (os[/arch[/variant]])", value => platform = value);
        flags.Switch("quiet", 'q', "Only show the digest", value => quiet = value);
    }

    public static Command Create(string path)
    {
        var copy = new ImageCopyCommand(new FlagSet());
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] SOURCE DESTINATION",
            Summary = Description,
            Flags = copy.flags,
            Arguments = ArgumentCount.Exactly(2),
            RunAsync = copy.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> places)
    {
        Platform? wanted = platform.Length == 0 ? null : ParsePlatform(platform);
        try
        {
            using IImageSource source = await ImagePlace.OpenSourceAsync(context, places[0], insecure);
            using IImageTarget target = ImagePlace.OpenTarget(context, places[1], insecure, places[0]);
            ProgressDisplay display = quiet ? ProgressDisplay.Silent() : ProgressDisplay.OnOutput(context);
            var copy = new ImageCopy(source, target, wanted, display);
            if (all && (source.Tag ?? target.Tag) is not null)
                throw new CommandFailedException("tag can't be used with --all-tags/-a", exitCode: 1);

            var digests = new List<string>();
            string?[] tags = all ? [.. await source.ListTagsAsync()] : [null];
            foreach (string? tag in tags)
            {
                string? named = target.Tag ?? Checked(tag, source) ?? (Digest.TryParse(source.Tag, out _) ? null : source.Tag) ?? Checked(await OnlyTagAsync(source), source);
                Digest digest = await copy.CopyAsync(tag, named);
                digests.Add(all && !quiet ? $"{tag}: {digest}" : digest.ToString());
            }

            await copy.FinishAsync();
            context.Out.WriteLine(string.Join('\n', digests));
            if (!quiet)
                context.Out.WriteLine(Describe(copy.Totals));

            return 0;
        }
        catch (EngineException exception)
        {
            throw new CommandFailedException(exception.Message, exitCode: 1);
        }
    }

    // Of files that hold one image, its own name.
    private static async Task<string?> OnlyTagAsync(IImageSource source) =>
        source is RegistryPlace ? "latest" : await source.ListTagsAsync() is [var only] ? only : null;

    // A file may call an image anything, and the name becomes part of addresses and of other files.
    private static string? Checked(string? tag, IImageSource source) => tag is null || ImageReference.IsTag(tag)
        ? tag
        : throw new CommandFailedException($"{source.Name} calls an image \"{PrintableText.Line(tag)}\", which is no tag: copy that image alone, and give the destination a tag", exitCode: 1);

    private static string Describe(CopyTotals totals) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Count(totals.Moved)} copied, {Units.ExactSize(totals.Bytes)}; {(totals.Mounted > 0 ? $"{totals.Mounted} mounted; " : "")}{totals.Present} already there");

    private static string Count(int blobs) => blobs == 1 ? "1 blob" : string.Create(CultureInfo.InvariantCulture, $"{blobs} blobs");

    private static Platform ParsePlatform(string text)
    {
        string[] parts = text.Split('/');
        return parts switch
        {
            [{ Length: > 0 } os, { Length: > 0 } architecture] => new Platform(os, architecture),
            [{ Length: > 0 } os, { Length: > 0 } architecture, { Length: > 0 } variant] => new Platform(os, architecture, variant),
            ["linux"] => Platform.Host,
            [{ Length: > 0 } architecture] => new Platform("linux", architecture),
            _ => throw new CommandFailedException($"invalid platform: \"{text}\": wanted os[/arch[/variant]]", exitCode: 1),
        };
    }
}
