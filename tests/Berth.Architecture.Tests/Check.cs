namespace Berth.Architecture.Tests;

internal static class Check
{
    /// <summary>Fails with every finding on a line of its own; the framework's own message cuts them.</summary>
    public static void None(IEnumerable<string> findings)
    {
        string all = string.Join('\n', findings);
        Assert.True(all.Length == 0, all);
    }
}
