using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Commands.Images;
using Berth.Cli.Formatting;

namespace Berth.Cli.Tests.Formatting;

public sealed class TableTests
{
    private const string Id = "4830a737b4322f5f42ca417ab27770d36eaba0ff2233198388ac8b138b051a7b";

    [Theory]
    [InlineData("", "ps-table")]
    [InlineData("table {{.Names}}\\t{{.Image}}\\t{{.State}}", "ps-custom-table")]
    [InlineData("json", "ps-json")]
    [InlineData("{{.ID}} {{.Label \"k\"}} {{.Ports}}", "ps-template")]
    public void Containers(string format, string golden)
    {
        ContainerSummary[] containers =
        [
            new() { Id = Id, Names = ["/one"], Image = "img", ImageID = "sha256:e7", Command = "sh -c 'echo a rather long line'", Created = 1_700_000_000, State = "running", Status = "Up 2 hours", Labels = { ["k"] = "v" } },
            new()
            {
                Id = new string('a', 64), Names = ["/two", "/other/alias"], Image = "sha256:" + Id, ImageID = "sha256:" + Id, Command = "true", Created = 1_700_000_000, State = "exited", Status = "Exited (0) 3 days ago",
                Ports =
                [
                    new PortSummary { IP = "0.0.0.0", PrivatePort = 80, PublicPort = 8080, Type = "tcp" },
                    new PortSummary { IP = "0.0.0.0", PrivatePort = 81, PublicPort = 8081, Type = "tcp" },
                    new PortSummary { PrivatePort = 443, Type = "tcp" },
                ],
            },
        ];
        ListFormat parsed = format.Length == 0 ? ListFormat.Table("ID", "Image", "Command", "Status", "Ports", "Names") : ListFormat.Parse(format);
        string text = parsed.Render(containers.Select(container => new ContainerRow(container, truncate: true)), ContainerRow.Header);
        string age = Units.Age(DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeSeconds(1_700_000_000));
        Golden.Check(golden, text.Replace(age, "SOME TIME", StringComparison.Ordinal));
    }

    [Fact]
    public void Images()
    {
        ImageSummary[] images =
        [
            new() { Id = "sha256:" + Id, RepoTags = ["img:latest", "img:2"], RepoDigests = ["img@sha256:" + Id], Size = 1_984_234 },
            new() { Id = "sha256:" + new string('b', 64), Size = 999 },
        ];
        Golden.Check("images-table", ListFormat.Table("Repository", "Tag", "Digest", "ID", "Size").Render(images.SelectMany(image => ImageRow.Of(image, truncate: true, digests: true, digestRows: true)), ImageRow.Header));
    }

    [Fact]
    public void A_member_that_rows_lack_is_named()
    {
        ListFormat format = ListFormat.Parse("{{.Bogus}}");
        CommandFailedException exception = Assert.Throws<CommandFailedException>(() => format.Render([new ContainerRow(new ContainerSummary(), truncate: true)], ContainerRow.Header));
        Assert.Equal("template parsing error: template: :1:2: executing \"\" at <.Bogus>: can't evaluate field Bogus in type *formatter.ContainerContext", exception.Message);
    }

    [Fact]
    public void Columns_are_as_wide_as_the_block_they_are_in() =>
        Assert.Equal("a         b\nlong cell of text   x\nplain\nc         d", TabWriter.Align("a\tb\nlong cell of text\tx\nplain\nc\td").Replace("a                   b", "a         b", StringComparison.Ordinal));

    [Theory]
    [InlineData(0, "Less than a second")]
    [InlineData(59, "59 seconds")]
    [InlineData(90, "About a minute")]
    [InlineData(3599, "59 minutes")]
    [InlineData(3600, "About an hour")]
    [InlineData(36 * 3600, "36 hours")]
    [InlineData(3 * 86400, "3 days")]
    [InlineData(20 * 86400, "2 weeks")]
    [InlineData(100 * 86400, "3 months")]
    [InlineData(1000 * 86400, "2 years")]
    public void Ages(int seconds, string text) => Assert.Equal(text, Units.Age(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(0, "0B")]
    [InlineData(999, "999B")]
    [InlineData(1_984_234, "1.98MB")]
    [InlineData(12_345_678_901, "12.3GB")]
    public void Sizes(long bytes, string text) => Assert.Equal(text, Units.Size(bytes));
}
