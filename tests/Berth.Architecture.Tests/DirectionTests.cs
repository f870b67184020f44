using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Berth.Architecture.Tests;

/// <summary>Which project may see which. A new edge is a decision: it is written here and recorded under docs/decisions.</summary>
public sealed partial class DirectionTests
{
    private static readonly Dictionary<string, string[]> AllowedReferences = new(StringComparer.Ordinal)
    {
        ["Berth.Model"] = [],
        ["Berth.Linux"] = [],
        ["Berth.Api"] = ["Berth.Model"],
        ["Berth.Registry"] = ["Berth.Model"],
        ["Berth.Runtime"] = ["Berth.Linux", "Berth.Model"],
        ["Berth.Storage"] = ["Berth.Linux", "Berth.Model"],
        ["Berth.Plugins"] = ["Berth.Model"],
        ["Berth.Network"] = ["Berth.Plugins", "Berth.Linux", "Berth.Model"],
        ["Berth.RuntimeHost"] = ["Berth.Runtime", "Berth.Linux", "Berth.Model"],
        ["Berth.Dockerfile"] = ["Berth.Model"],
        ["Berth.Build"] = ["Berth.Dockerfile", "Berth.Storage", "Berth.Model"],
        ["Berth.Engine"] = ["Berth.Build", "Berth.Dockerfile", "Berth.Network", "Berth.Plugins", "Berth.Registry", "Berth.Runtime", "Berth.Storage", "Berth.Model"],
        ["Berth.RegistryServer"] = ["Berth.Storage", "Berth.Model"],
        ["Berth.Daemon"] =
        [
            "Berth.Api", "Berth.Engine", "Berth.RegistryServer", "Berth.Model",
            "Berth.Storage", "Berth.Runtime", "Berth.Network", "Berth.Plugins", "Berth.Registry", "Berth.Build", // for the composition root and mappings
        ],
        ["Berth.Client"] = ["Berth.Api", "Berth.Model"],
        ["Berth.Compose"] = ["Berth.Client", "Berth.Api", "Berth.Model"],
        ["Berth.Cli"] = ["Berth.Client", "Berth.Compose", "Berth.Dockerfile", "Berth.Registry", "Berth.Api", "Berth.Model", "Berth.Linux"], // Linux: the user's terminal; Registry: decision 0009
        ["Berth.Benchmarks"] = ["Berth.Runtime", "Berth.Linux", "Berth.Model"], // not shipped; nothing may refer to it
    };

    private static readonly Dictionary<string, string[]> AllowedPackages = new(StringComparer.Ordinal)
    {
        ["Berth.Engine"] = ["Microsoft.Extensions.Logging.Abstractions"],
    };

    [Fact]
    public void EveryProjectIsOnTheList()
    {
        Assert.NotEmpty(Repository.Projects);
        Check.None(Repository.Projects.Keys.Except(AllowedReferences.Keys, StringComparer.Ordinal));
    }

    [Fact]
    public void ProjectsReferToWhatTheyMay()
    {
        List<string> wrong = [.. from project in Repository.Projects
                                 from reference in Repository.Items(project.Value, "ProjectReference").Select(Path.GetFileNameWithoutExtension).OfType<string>()
                                 where !AllowedReferences.GetValueOrDefault(project.Key, []).Contains(reference, StringComparer.Ordinal)
                                 select $"{project.Key} -> {reference}"];
        Check.None(wrong);
    }

    [Fact]
    public void PackagesAreOnTheList()
    {
        List<string> wrong = [.. from project in Repository.Projects
                                 from package in Repository.Items(project.Value, "PackageReference")
                                 where !AllowedPackages.GetValueOrDefault(project.Key, []).Contains(package, StringComparer.Ordinal)
                                 select $"{project.Key} uses {package}"];
        Check.None(wrong);
    }

    [Fact]
    public void ShippedProjectsKnowNothingOfTests()
    {
        string[] words = ["xunit", "Microsoft.NET.Test.Sdk", "/tests/", ".Tests"];
        List<string> wrong = [.. from project in Repository.Projects
                                 from word in words
                                 where project.Value.ToString().Contains(word, StringComparison.OrdinalIgnoreCase)
                                 select $"{project.Key} names {word}"];
        Check.None(wrong);
    }

    [Fact]
    public void ReferencesDoNotPassThrough()
    {
        XDocument props = XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props"));
        Assert.Equal("true", props.Descendants("DisableTransitiveProjectReferences").Single().Value);
        Assert.DoesNotContain(Repository.Projects.Values, static project => project.Descendants("DisableTransitiveProjectReferences").Any());
    }

    /// <summary>
    /// In the CLI only the terminal is driven by system calls, the files that cp and layouts of images are made of, which nothing may lead out of their folder, the file that holds credentials, and the
    /// programs that keep those or lead to other machines.
    /// </summary>
    [Fact]
    public void CliUsesLinuxForTheTerminalCopiedFilesAndOtherProgramsOnly()
    {
        List<string> wrong = [.. from file in Repository.Sources
                                 where file.Project == "Berth.Cli"
                                 from Match use in UsesLinux().Matches(file.Code)
                                 where !use.Groups["part"].Value.StartsWith(".Terminal", StringComparison.Ordinal) && use.Groups["part"].Length > 0 && !Copies(file.Path)
                                 select file.At(use.Index) + " " + use.Value];
        Check.None(wrong);
    }

    private static bool Copies(string path) =>
        path.StartsWith("src/Berth.Cli/Archives/", StringComparison.Ordinal) || path.StartsWith("src/Berth.Cli/Registries/", StringComparison.Ordinal)
        || path.StartsWith("src/Berth.Cli/Remote/", StringComparison.Ordinal) || path is "src/Berth.Cli/Commands/Containers/CopyCommand.cs" or "src/Berth.Cli/Images/LayoutFiles.cs";

    /// <summary>Endpoints speak to Engine; what lies below it is named where objects are put together and where its values are mapped, from requests or from the command line.</summary>
    [Fact]
    public void DaemonNamesStoresInItsCompositionRootOnly()
    {
        List<string> wrong = [.. from file in Repository.Sources
                                 where file.Project == "Berth.Daemon"
                                    && Path.GetFileName(file.Path) is not ("DaemonHost.cs" or "Purge.cs")
                                    && !file.Path.StartsWith("src/Berth.Daemon/Mapping/", StringComparison.Ordinal)
                                    && !file.Path.StartsWith("src/Berth.Daemon/Options/", StringComparison.Ordinal)
                                 from Match use in UsesStores().Matches(file.Code)
                                 where !ValuesThatPassThrough.Contains(use.Groups["space"].Value)
                                 select file.At(use.Index) + " " + use.Value];
        Check.None(wrong);
    }

    // Records of images and streams of a shim cross Engine as they are; their namespaces hold the stores' own types too.
    private static readonly HashSet<string> ValuesThatPassThrough = new(StringComparer.Ordinal) { "Berth.Storage.Images", "Berth.Runtime.Shims" };

    [GeneratedRegex(@"\bBerth\.Linux(?<part>(\.\w+)*)", RegexOptions.ExplicitCapture)]
    private static partial Regex UsesLinux();

    [GeneratedRegex(@"\b(?<space>Berth\.(Storage|Runtime|Network|Plugins|Registry|Build)(\.\w+)*)", RegexOptions.ExplicitCapture)]
    private static partial Regex UsesStores();
}
