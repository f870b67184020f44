using Berth.EndToEnd.Tests.Support;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>The programs that the facts of a class need.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class NeedsAttribute(string programs) : Attribute
{
    /// <summary>Their names, separated by spaces.</summary>
    public string Programs { get; } = programs;
}

/// <summary>
/// A fact about another engine. Where a program of <see cref="NeedsAttribute"/> is missing it says so and is skipped; on Debian 12, where eng/prepare
/// installs them all, it runs and fails.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("Berth.EndToEnd.Tests.OtherEngines.EngineFactDiscoverer", "Berth.EndToEnd.Tests")]
public sealed class EngineFactAttribute : FactAttribute;

/// <summary>Makes the cases of <see cref="EngineFactAttribute"/>.</summary>
public sealed class EngineFactDiscoverer(IMessageSink diagnostics) : FactDiscoverer(diagnostics)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        new EngineTestCase(DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod);
}

/// <summary>A case that knows from its class whether it can run here.</summary>
public sealed class EngineTestCase : XunitTestCase
{
    [Obsolete("for the deserializer only", error: true)]
    public EngineTestCase()
    {
    }

    public EngineTestCase(IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method)
        : base(diagnostics, display, options, method)
    {
    }

    private static bool IsDebian12 { get; } =
        File.Exists("/etc/os-release") && File.ReadLines("/etc/os-release").ToHashSet(StringComparer.Ordinal) is var lines
        && lines.Contains("ID=debian") && lines.Contains("VERSION_ID=\"12\"");

    /// <summary>Why what needs these programs, named with spaces between, cannot run here; null when it can, or has to.</summary>
    internal static string? WhyNot(string programs)
    {
        string[] missing = [.. programs.Split(' ').Where(static name => Binaries.FindInPath(name) is null)];
        return missing.Length == 0 || IsDebian12 ? null : $"NOT TESTED: there is no {string.Join(", no ", missing)} in PATH";
    }

    protected override string? GetSkipReason(IAttributeInfo factAttribute)
    {
        IEnumerable<string> needed = TestMethod.TestClass.Class.GetCustomAttributes(typeof(NeedsAttribute)).Select(static needs => needs.GetNamedArgument<string>(nameof(NeedsAttribute.Programs)));
        return needed.Select(WhyNot).FirstOrDefault(static reason => reason is not null) ?? base.GetSkipReason(factAttribute);
    }
}

/// <summary>A theory about another engine, skipped as <see cref="EngineFactAttribute"/> is.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class EngineTheoryAttribute : TheoryAttribute
{
    /// <param name="programs">Their names, separated by spaces.</param>
    public EngineTheoryAttribute(string programs)
    {
        Programs = programs;
        Skip = EngineTestCase.WhyNot(programs);
    }

    /// <summary>The programs that it needs.</summary>
    public string Programs { get; }
}
