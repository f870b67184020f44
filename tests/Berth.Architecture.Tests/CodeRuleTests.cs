using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Berth.Architecture.Tests;

/// <summary>Rules that the compiler does not hold, read from the source text.</summary>
public sealed partial class CodeRuleTests
{
    private const int MaxLines = 500;

    // Longer for a reason: a table does not become clearer when it is cut.
    private static readonly Dictionary<string, int> LongFiles = new(StringComparer.Ordinal)
    {
        ["src/Berth.Runtime/Seccomp/SyscallTable.cs"] = 700,
    };

    [Fact]
    public void UnsafeCodeIsInLinuxOnly()
    {
        AssertNowhere(UnsafeWord(), static file => file.Project != "Berth.Linux");
        List<string> allowed = [.. Repository.Projects.Where(static project => project.Value.Descendants("AllowUnsafeBlocks").Any()).Select(static project => project.Key)];
        Assert.Equal(["Berth.Linux"], allowed);
    }

    [Fact]
    public void NativeImportsAreInLinuxOnly() => AssertNowhere(NativeImport(), static file => file.Project != "Berth.Linux");

    [Fact]
    public void NativeImportsAreNotPublic()
    {
        List<string> wrong = [.. from file in Repository.Sources
                                 where file.Project == "Berth.Linux"
                                 from Match import in ImportDeclaration().Matches(file.Code)
                                 where import.Groups["access"].Value.Contains("public", StringComparison.Ordinal)
                                 select $"{file.At(import.Index)}: wrap it"];
        Check.None(wrong);
    }

    /// <summary>A fork copies the daemon's memory map: shims are cloned by Berth.Linux, and nothing else starts processes (decision 0002).</summary>
    [Fact]
    public void NothingStartsProcessesThroughTheFramework() => AssertNowhere(FrameworkProcess(), static _ => true);

    [Fact]
    public void ReflectionIsSwitchedOffForJson()
    {
        XDocument props = XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props"));
        Assert.Equal("false", props.Descendants("JsonSerializerIsReflectionEnabledByDefault").Single().Value);
        Assert.Equal("true", props.Descendants("IsAotCompatible").Single().Value); // makes every call without type information an error
        AssertNowhere(ReflectionJson(), static _ => true);
    }

    [Fact]
    public void TrimmingAndAotWarningsAreNotSilenced()
    {
        AssertNowhere(SilencedIl(), static _ => true);
        Assert.DoesNotContain(Repository.Projects.Values, static project => SilencedIl().IsMatch(project.ToString()));
    }

    [Fact]
    public void NoCodeIsMadeAtRunTime() => AssertNowhere(DynamicCode(), static _ => true);

    [Fact]
    public void EveryTypeIsInItsProjectsNamespace()
    {
        var wrong = new List<string>();
        foreach (SourceFile file in Repository.Sources)
        {
            MatchCollection spaces = NamespaceDeclaration().Matches(file.Code);
            if (spaces.Count == 0 && TypeDeclaration().IsMatch(file.Code))
            {
                wrong.Add($"{file.Path}: types without a namespace");
            }

            wrong.AddRange(spaces.Select(static space => space.Groups["name"].Value)
                .Where(name => name != file.Project && !name.StartsWith(file.Project + ".", StringComparison.Ordinal))
                .Select(name => $"{file.Path}: namespace {name}"));
        }

        Check.None(wrong);
    }

    [Fact]
    public void FilesAreNotTooLong()
    {
        List<string> wrong = [.. Repository.Sources
            .Where(static file => file.Lines > LongFiles.GetValueOrDefault(file.Path, MaxLines))
            .Select(static file => $"{file.Path} has {file.Lines} lines, at most {LongFiles.GetValueOrDefault(file.Path, MaxLines)} are wanted: split it")];
        Check.None(wrong);
    }

    [Fact]
    public void NothingIsLeftUnfinished() => AssertNowhere(Unfinished(), static _ => true);

    private static void AssertNowhere(Regex pattern, Func<SourceFile, bool> isWatched)
    {
        List<string> found = [.. from file in Repository.Sources
                                 where isWatched(file)
                                 from Match match in pattern.Matches(file.Code)
                                 select $"{file.At(match.Index)} {match.Value}"];
        Check.None(found);
    }

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex UnsafeWord();

    [GeneratedRegex(@"\[\s*(DllImport|LibraryImport)\b|\bNativeLibrary\.", RegexOptions.ExplicitCapture)]
    private static partial Regex NativeImport();

    [GeneratedRegex(@"\[LibraryImport\([^\]]*\)\](\s*\[[^\]]*\])*\s*(?<access>[^;(]*)\(", RegexOptions.ExplicitCapture)]
    private static partial Regex ImportDeclaration();

    [GeneratedRegex(@"\bProcessStartInfo\b|\bProcess\.(Start|GetProcess\w*|GetCurrentProcess)\b|\bnew\s+Process\s*\(|\bSystem\.Diagnostics\.Process\b", RegexOptions.ExplicitCapture)]
    private static partial Regex FrameworkProcess();

    [GeneratedRegex(@"\bDefaultJsonTypeInfoResolver\b|\bJsonSerializerOptions\.(Default|Web)\b", RegexOptions.ExplicitCapture)]
    private static partial Regex ReflectionJson();

    [GeneratedRegex(@"\bIL[23]\d{3}\b|\bUnconditionalSuppressMessage\b|\bSuppressTrimAnalysisWarnings\b")]
    private static partial Regex SilencedIl();

    [GeneratedRegex(@"\bSystem\.Reflection\.Emit\b|\bAssembly\.Load\w*\b|\bMakeGeneric(Type|Method)\b|\bActivator\.CreateInstance\b|\bdynamic\s+\w+\s*=", RegexOptions.ExplicitCapture)]
    private static partial Regex DynamicCode();

    [GeneratedRegex(@"^\s*namespace\s+(?<name>[\w.]+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex NamespaceDeclaration();

    [GeneratedRegex(@"^\s*(public|internal)\s.*\b(class|record|struct|interface|enum)\s+\w+", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(@"\bNotImplementedException\b")]
    private static partial Regex Unfinished();
}
