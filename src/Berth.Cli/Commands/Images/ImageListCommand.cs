using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Cli.Terminal;
using Berth.Client;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth images</c>.</summary>
internal sealed class ImageListCommand
{
    private static readonly Version TreeVersion = new(1, 47);

    private readonly List<KeyValuePair<string, string>> filters = [];
    private bool all;
    private bool digests;
    private string format = "";
    private bool noTruncation;
    private bool quiet;
    private bool tree;
    private Func<bool> isTreeGiven = static () => false;

    public static Command Create(string path)
    {
        var flags = new FlagSet();
        var list = new ImageListCommand();
        flags.Switch("all", 'a', "Show all images (default hides intermediate images)", value => list.all = value);
        flags.Switch("digests", null, "Show digests", value => list.digests = value);
        flags.Add(new Flag("filter", 'f', "filter", "Filter output based on conditions provided", null, text => list.filters.Add(Values.Filter(text))));
        flags.Text("format", null, ListCommand.FormatUsage, value => list.format = value);
        flags.Switch("no-trunc", null, "Don't truncate output", value => list.noTruncation = value);
        flags.Switch("quiet", 'q', "Only show image IDs", value => list.quiet = value);
        flags.Switch("tree", null, "List multi-platform images as a tree (EXPERIMENTAL)", value => list.tree = value);
        list.isTreeGiven = () => flags.Changed("tree");
        return new Command
        {
            Path = path,
            Usage = "[OPTIONS] [REPOSITORY[:TAG]]",
            Summary = "List images",
            Aliases = ["image ls", "image list", "images"],
            Flags = flags,
            Arguments = ArgumentCount.AtMost(1),
            RunAsync = list.RunAsync,
        };
    }

    private async Task<int> RunAsync(CliContext context, IReadOnlyList<string> arguments)
    {
        if (arguments.Count == 1)
            filters.Add(new KeyValuePair<string, string>("reference", arguments[0]));

        if (isTreeGiven())
            RequireTreeVersion(context);

        if (tree)
        {
            await ShowTreeAsync(context);
            return 0;
        }

        if (format.Length == 0 && !quiet)
            format = context.Config.ImagesFormat;

        ListFormat parsed = ParseFormat();
        bool needsDigest = digests || format.Contains("{{.Digest}}", StringComparison.Ordinal);
        List<ImageSummary> images = await context.Client.ListImagesAsync(new ImageListOptions { All = all, Filters = filters });
        IEnumerable<ImageRow> rows = images.SelectMany(image => ImageRow.Of(image, !noTruncation, needsDigest, digests));
        context.Out.Write(parsed.Render(rows, ImageRow.Header));
        return 0;
    }

    private async Task ShowTreeAsync(CliContext context)
    {
        string? other = quiet ? "--quiet" : noTruncation ? "--no-trunc" : digests ? "--show-digest" : format.Length > 0 ? "--format" : null;
        if (other is not null)
            throw new CommandFailedException(other + " is not yet supported with --tree", exitCode: 1);

        List<ImageSummary> images = await context.Client.ListImagesAsync(new ImageListOptions { All = all, Manifests = true, Filters = filters });
        RequireTreeVersion(context); // the answer has told what the engine speaks
        context.Out.Write(new ImageTree(TerminalSize.Columns).Render(images, all));
    }

    private static void RequireTreeVersion(CliContext context)
    {
        string version = context.Client.ApiVersion;
        if (Version.TryParse(version, out Version? spoken) && spoken < TreeVersion)
            throw new CommandFailedException($"\"--tree\" requires API version {TreeVersion}, but the Docker daemon API version is {version}", exitCode: 1);
    }

    private ListFormat ParseFormat()
    {
        switch (format)
        {
            case "" or "table" when quiet:
                return ListFormat.Column("ID");
            case "" or "table" when digests:
                return ListFormat.Table("Repository", "Tag", "Digest", "ID", "CreatedSince", "Size");
            case "" or "table":
                return ListFormat.Table("Repository", "Tag", "ID", "CreatedSince", "Size");
            case "raw" when quiet:
                return ListFormat.Parse("image_id: {{.ID}}");
            case "raw":
                return ListFormat.Parse("repository: {{.Repository}}\ntag: {{.Tag}}\n" + (digests ? "digest: {{.Digest}}\n" : "")
                    + "image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n");
        }

        bool addsDigest = digests && format.StartsWith("table", StringComparison.Ordinal) && !format.Contains("{{.Digest}}", StringComparison.Ordinal);
        return ListFormat.Parse(addsDigest ? format + "\t{{.Digest}}" : format);
    }
}
