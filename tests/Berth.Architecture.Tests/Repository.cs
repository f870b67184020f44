using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace Berth.Architecture.Tests;

/// <summary>The checkout these tests were compiled from: its project files and its source text.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The shipped projects and the benchmarks, by name.</summary>
    public static IReadOnlyDictionary<string, XDocument> Projects { get; } =
        Files("*.csproj")
            .ToDictionary(static path => Path.GetFileNameWithoutExtension(path), XDocument.Load, StringComparer.Ordinal);

    /// <summary>Every source file of these projects.</summary>
    public static IReadOnlyList<SourceFile> Sources { get; } =
        [.. Files("*.cs")
            .Order(StringComparer.Ordinal)
            .Select(static path => new SourceFile(Path.GetRelativePath(Root, path), File.ReadAllText(path)))];

    /// <summary>Names in a project's items of one kind, such as the projects it refers to.</summary>
    public static IEnumerable<string> Items(XDocument project, string kind) =>
        project.Descendants(kind).Select(static item => item.Attribute("Include")?.Value).OfType<string>();

    private static IEnumerable<string> Files(string pattern) =>
        ((string[])["src", "bench"]).SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories))
            .Where(static path => !IsOutput(path));

    private static bool IsOutput(string path) =>
        path.Contains("/bin/", StringComparison.Ordinal) || path.Contains("/obj/", StringComparison.Ordinal);

    private static string FindRoot([CallerFilePath] string here = "")
    {
        string? folder = Path.GetDirectoryName(here);
        while (folder is not null && !File.Exists(Path.Combine(folder, "Berth.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException($"no Berth.slnx above {here}: run the tests from the checkout they were built in");
    }
}
