using System.Text;
using Berth.Api;
using Berth.Cli.Formatting;

namespace Berth.Cli.Commands.Images;

/// <summary>
/// <c>images --tree</c>: each image with its names, and below it the platforms that it is for. Byte for byte what docker's CLI 28 writes, the header's
/// colour where there is no terminal included.
/// </summary>
internal sealed class ImageTree
{
    private const string Gap = "   ";
    private const int UnknownWidth = 80;
    private const int LeastWidth = 20;
    private const int LeastNameWidth = 12;
    private const string Branch = "├─ ";
    private const string LastBranch = "└─ ";
    private static readonly string[] Heading = ["39", "1"];
    private static readonly string[] Name = ["34", "1"];
    private static readonly string[] Plain = ["39"];
    private static readonly string[] Faint = ["39", "2"];
    private static readonly string[] Chip = ["38;5;0", "48;5;14"];
    private static readonly Column[] AllColumns =
    [
        new("ID", 12, IsRight: false),
        new("DISK USAGE", 10, IsRight: true),
        new("CONTENT SIZE", 12, IsRight: true),
        new("EXTRA", 5, IsRight: false),
    ];

    private readonly StringBuilder output = new();
    private readonly bool isTerminal;
    private readonly int terminalWidth;

    /// <param name="terminalWidth">Columns of the terminal, 0 if it does not tell; null without one.</param>
    public ImageTree(int? terminalWidth)
    {
        isTerminal = terminalWidth is not null;
        this.terminalWidth = terminalWidth ?? 0;
    }

    /// <summary>The whole text. Images without a name are only shown if <paramref name="showsUnnamed"/>; the newest are first.</summary>
    public string Render(IEnumerable<ImageSummary> images, bool showsUnnamed)
    {
        List<Node> nodes = [.. images.Where(image => showsUnnamed || image.RepoTags is { Count: > 0 }).OrderByDescending(static image => image.Created).Select(Node.Of)];
        int width = Math.Max(terminalWidth == 0 ? UnknownWidth : terminalWidth, LeastWidth);
        WriteLegend(width);
        Layout layout = Layout.Of(width, nodes);
        WriteHeader(layout);
        bool isSpaced = nodes.Any(static node => node.Children.Count > 0);
        foreach (Node node in nodes)
        {
            WriteNames(layout, node.Names);
            WriteDetails(layout, node.Details, Plain);
            for (int i = 0; i < node.Children.Count; i++)
            {
                Child child = node.Children[i];
                string[] color = child.IsAvailable ? Plain : Faint;
                WriteCell((i < node.Children.Count - 1 ? Branch : LastBranch) + child.Platform, layout.NameWidth, isRight: false, color);
                WriteDetails(layout, child.Details, color);
            }

            if (isSpaced)
                output.Append('\n');
        }

        return output.ToString();
    }

    private void WriteLegend(int width)
    {
        output.Append(Paint("WARNING: This is an experimental feature. The output may change and shouldn't be depended on.", "93")).Append('\n');
        string shown = isTerminal ? "i Info →   U  In Use " : "Info ->  U In Use ";
        output.Append(' ', Math.Max(0, width - TextWidth.Of(shown)));
        if (isTerminal)
            output.Append(Paint("i", "1", "106", "30")).Append("\u001b[0m ").Append(Paint("Info → ", "96")).Append("\u001b[0m ").Append(Paint(" U ", Chip)).Append(" In Use ");
        else
            output.Append(shown);

        output.Append("\n\n");
    }

    private void WriteHeader(Layout layout)
    {
        WriteCell("IMAGE", layout.NameWidth, isRight: false, Heading, isAlwaysPainted: true);
        foreach (Column column in layout.Columns)
        {
            output.Append(Gap);
            WriteCell(column.Title, column.Width, isRight: false, Heading, isAlwaysPainted: true);
        }

        output.Append('\n');
    }

    // All names but the last have a line of their own, the longest first.
    private void WriteNames(Layout layout, IReadOnlyList<string> names)
    {
        if (names.Count == 0)
        {
            WriteCell("<untagged>", layout.NameWidth, isRight: false, Faint);
            return;
        }

        for (int i = 0; i < names.Count - 1; i++)
        {
            string shown = terminalWidth > 0 && names[i].Length >= terminalWidth ? names[i][..(terminalWidth - 1)] + "…" : names[i];
            output.Append(Paint(shown, Name)).Append('\n');
        }

        WriteCell(names[^1], layout.NameWidth, isRight: false, Name);
    }

    private void WriteDetails(Layout layout, Details details, string[] color)
    {
        for (int i = 0; i < layout.Columns.Length; i++)
        {
            output.Append(Gap);
            Column column = layout.Columns[i];
            if (i < details.Texts.Length)
                WriteCell(details.Texts[i], column.Width, column.IsRight, color);
            else if (details.IsUsed)
                output.Append(isTerminal ? Paint(" U ", Chip) : "U").Append(' ', column.Width - (isTerminal ? 3 : 1));
            else
                output.Append(' ', column.Width);
        }

        output.Append('\n');
    }

    private void WriteCell(string text, int width, bool isRight, string[] color, bool isAlwaysPainted = false)
    {
        string shown = Units.Ellipsis(text, width);
        int fill = Math.Max(0, width - TextWidth.Of(shown));
        output.Append(' ', isRight ? fill : 0).Append(isAlwaysPainted ? Colored(shown, color) : Paint(shown, color)).Append(' ', isRight ? 0 : fill);
    }

    private string Paint(string text, params string[] color) => isTerminal ? Colored(text, color) : text;

    private static string Colored(string text, string[] color) => $"\u001b[{string.Join("m\u001b[", color)}m{text}\u001b[0m";

    private sealed record Column(string Title, int Width, bool IsRight);

    private sealed record Details(string[] Texts, bool IsUsed)
    {
        public static Details Of(string id, long total, long content, bool isUsed) => new([Units.ShortId(id), Units.Size(total), Units.Size(content)], isUsed);
    }

    private sealed record Child(string Platform, bool IsAvailable, Details Details)
    {
        public static Child Of(ImageManifestSummary manifest)
        {
            ImageManifestData data = manifest.ImageData ?? new ImageManifestData();
            OciPlatform platform = data.Platform;
            string name = platform.Architecture.Length == 0 ? platform.Os : platform.Os + "/" + platform.Architecture;
            string full = string.IsNullOrEmpty(platform.Variant) ? name : name + "/" + platform.Variant;
            return new Child(platform.Os.Length == 0 ? "unknown" : full, manifest.Available, Details.Of(manifest.Id, manifest.Size.Total, manifest.Size.Content, data.Containers.Count > 0));
        }
    }

    private sealed record Node(IReadOnlyList<string> Names, Details Details, IReadOnlyList<Child> Children)
    {
        public static Node Of(ImageSummary image)
        {
            List<Child> children = [];
            long content = 0;
            foreach (ImageManifestSummary manifest in image.Manifests ?? [])
            {
                content += manifest.Size.Content;
                if (manifest.Kind == ImageManifestSummary.ImageKind)
                    children.Add(Child.Of(manifest));
            }

            bool isUsed = image.Containers > 0 || children.Exists(static child => child.Details.IsUsed);
            Details details = Details.Of(image.Id, image.Size, content, isUsed);
            return new Node([.. (image.RepoTags ?? []).OrderByDescending(static name => Encoding.UTF8.GetByteCount(name))], details, children);
        }
    }

    /// <summary>The columns that fit, and what they leave to the names; these are counted in bytes, as docker does.</summary>
    private sealed record Layout(int NameWidth, Column[] Columns)
    {
        public static Layout Of(int width, IReadOnlyList<Node> nodes)
        {
            int rest = width;
            int count = 0;
            while (count < AllColumns.Length && rest - AllColumns[count].Width - Gap.Length >= LeastNameWidth)
            {
                rest -= AllColumns[count].Width + Gap.Length;
                count++;
            }

            int widest = "IMAGE".Length;
            foreach (Node node in nodes)
            {
                foreach (string name in node.Names)
                    widest = Math.Max(widest, Encoding.UTF8.GetByteCount(name));

                foreach (Child child in node.Children)
                    widest = Math.Max(widest, Encoding.UTF8.GetByteCount(LastBranch + child.Platform));
            }

            return new Layout(Math.Min(rest, widest), AllColumns[..count]);
        }
    }
}
