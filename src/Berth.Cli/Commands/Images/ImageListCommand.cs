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
        if (arguments.Count == 1)
            filters.Add(new KeyValuePair<string, string>("reference", arguments[0]));

        string columns = digests
            ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
            : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
        bool idsOnly = quiet && format.Length == 0;
        ListFormat parsed = ListFormat.Parse(idsOnly ? "{{.ID}}" : format, columns);
        bool needsDigest = digests || format.Contains(".Digest", StringComparison.Ordinal);
        List<ImageSummary> images = await context.Client.ListImagesAsync(new ImageListOptions { All = all, Filters = filters });
        IEnumerable<ImageRow> rows = images.SelectMany(image => ImageRow.Of(image, !noTruncation, needsDigest));
        context.Out.Write(parsed.Render(rows, ImageRow.Header));
        return 0;
    }
}
