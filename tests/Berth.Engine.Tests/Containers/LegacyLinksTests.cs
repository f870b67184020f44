using Berth.Engine.Containers;

namespace Berth.Engine.Tests.Containers;

public sealed class LegacyLinksTests
{
    [Theory]
    [InlineData("db", "/db:/web/db")]
    [InlineData("db:alias", "/db:/web/alias")]
    [InlineData("/db:/old/alias", "/db:/web/alias")]
    [InlineData("/db:alias", "/db:/web/alias")]
    public void LinksAreToldAsInspectTellsThemAndTakenBack(string link, string told) => Assert.Equal([told], LegacyLinks.Resolve([link], "web", static name => name)!);
}
