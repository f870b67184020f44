using System.Runtime.CompilerServices;

namespace Berth.Cli.Tests;

/// <summary>Texts compared with files under Golden/; UPDATE_GOLDEN=1 writes them anew.</summary>
internal static class Golden
{
    public static void Check(string name, string actual, [CallerFilePath] string caller = "")
    {
        string path = PathOf(name, caller);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
            File.WriteAllText(path, actual);

        Assert.True(File.Exists(path), $"{path} is missing; UPDATE_GOLDEN=1 writes it");
        Assert.Equal(File.ReadAllText(path), actual);
    }

    /// <summary>The lines of a file that another program has written.</summary>
    public static string[] Lines(string name, [CallerFilePath] string caller = "") => File.ReadAllLines(PathOf(name, caller));

    private static string PathOf(string name, string caller)
    {
        string root = Path.GetDirectoryName(caller)!; // a source file has a folder
        while (!Directory.Exists(Path.Combine(root, "Golden")))
            root = Path.GetDirectoryName(root)!; // the project's folder has Golden

        return Path.Combine(root, "Golden", name + ".txt");
    }
}
