using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Flags;
using Berth.Cli.Formatting;
using Berth.Client;

namespace Berth.Cli.Commands.Images;

/// <summary><c>berth images</c>.</summary>
internal sealed class ImageListCommand
{
    private readonly List<KeyValuePair<string, string>> filters = [];
    private bool all;
    private bool digests;
    private string format = "";
    private bool noTruncation;
    private bool quiet;

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
        flags.Refuse("tree");
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
        if (format.Length == 0 && !quiet)
            format = context.Config.ImagesFormat;

        if (arguments.Count == 1)
            filters.Add(new KeyValuePair<string, string>("reference", arguments[0]));

        ListFormat parsed = ParseFormat();
        bool needsDigest = digests || format.Contains("{{.Digest}}", StringComparison.Ordinal);
        List<ImageSummary> images = await context.Client.ListImagesAsync(new ImageListOptions { All = all, Filters = filters });
        IEnumerable<ImageRow> rows = images.SelectMany(image => ImageRow.Of(image, !noTruncation, needsDigest, digests));
        context.Out.Write(parsed.Render(rows, ImageRow.Header));
        return 0;
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
