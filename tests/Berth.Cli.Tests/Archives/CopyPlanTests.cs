using Berth.Cli.Archives;

namespace Berth.Cli.Tests.Archives;

public sealed class CopyPlanTests
{
    [Theory]
    [InlineData("/a/b", "/a", "b")]
    [InlineData("/a/b/", "/a", "b")]
    [InlineData("/a/b/.", "/a/b", ".")]
    [InlineData("/", "/", "/")]
    [InlineData("/.", "/", ".")]
    [InlineData("a", ".", "a")]
    [InlineData(".", ".", ".")]
    [InlineData("/a/../b", "/", "b")]
    public void Paths_are_taken_apart_as_docker_does(string path, string folder, string name) => Assert.Equal((folder, name), GoPath.Split(path));

    [Theory]
    [InlineData("/x/link", "/y/real", "/y/real", "link")]
    [InlineData("/x/link/", "/y/real", "/y/real/", "link")]
    [InlineData("/x/link/.", "/y/real", "/y/real/.", null)]
    [InlineData("/x/same", "/y/same", "/y/same", null)]
    public void A_followed_link_keeps_the_name_that_was_given(string path, string resolved, string target, string? name) =>
        Assert.Equal((target, name), GoPath.Rebase(path, resolved));

    [Theory]
    [InlineData("/s/file", false, "/d", true, true, "/d", null)]
    [InlineData("/s/file", false, "/d/f", true, false, "/d", "f")]
    [InlineData("/s/file", false, "/d/new", false, false, "/d", "new")]
    [InlineData("/s/dir", true, "/d/new", false, false, "/d", "new")]
    [InlineData("/s/dir", true, "/d/new/", false, false, "/d", "new")]
    [InlineData("/s/dir/.", true, "/d", true, true, "/d", null)]
    public void Archives_go_where_docker_puts_them(string source, bool isFolder, string target, bool exists, bool targetIsFolder, string folder, string? name) =>
        Assert.Equal(new CopyPlan(folder, name), CopyPlan.Make(new CopyEnd(source, true, isFolder), new CopyEnd(target, exists, targetIsFolder)));

    [Theory]
    [InlineData("/s/dir", true, "/d/f", true, "cannot copy directory")]
    [InlineData("/s/file", false, "/d/new/", false, "no such directory")]
    public void What_does_not_fit_is_refused(string source, bool isFolder, string target, bool exists, string because)
    {
        var exception = Assert.Throws<CommandFailedException>(() => CopyPlan.Make(new CopyEnd(source, true, isFolder), new CopyEnd(target, exists, false)));
        Assert.Equal(because, exception.Message);
    }
}
