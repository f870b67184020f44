using Xunit.Abstractions;
using Xunit.Sdk;

namespace Berth.EndToEnd.Tests.OtherClients;

/// <summary>The file without which the facts of a class cannot run, and the package that it is from.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class NeedsFileAttribute(string path, string package) : Attribute
{
    public string Path { get; } = path;

    public string Package { get; } = package;
}

/// <summary>
/// A fact about somebody else's client. Where the file of <see cref="NeedsFileAttribute"/> is missing it says so and is skipped; on Debian 12, where
/// eng/prepare installs it, it runs and fails.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("Berth.EndToEnd.Tests.OtherClients.ClientFactDiscoverer", "Berth.EndToEnd.Tests")]
public sealed class ClientFactAttribute : FactAttribute;

/// <summary>Makes the cases of <see cref="ClientFactAttribute"/>.</summary>
public sealed class ClientFactDiscoverer(IMessageSink diagnostics) : FactDiscoverer(diagnostics)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        new ClientTestCase(DiagnosticMessageSink, discoveryOptions.MethodDisplayOrDefault(), discoveryOptions.MethodDisplayOptionsOrDefault(), testMethod);
}

/// <summary>A case that knows from its class whether it can run here.</summary>
public sealed class ClientTestCase : XunitTestCase
{
    [Obsolete("for the deserializer only", error: true)]
    public ClientTestCase()
    {
    }

    public ClientTestCase(IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method)
        : base(diagnostics, display, options, method)
    {
    }

    private static bool IsDebian12 { get; } =
        File.Exists("/etc/os-release") && File.ReadLines("/etc/os-release").ToHashSet(StringComparer.Ordinal) is var lines
        && lines.Contains("ID=debian") && lines.Contains("VERSION_ID=\"12\"");

    protected override string? GetSkipReason(IAttributeInfo factAttribute)
    {
        foreach (IAttributeInfo needs in TestMethod.TestClass.Class.GetCustomAttributes(typeof(NeedsFileAttribute)))
        {
            string path = needs.GetNamedArgument<string>(nameof(NeedsFileAttribute.Path));
            if (!Path.Exists(path) && !IsDebian12)
            {
                return $"NOT TESTED: there is no {path} (package {needs.GetNamedArgument<string>(nameof(NeedsFileAttribute.Package))})";
            }
        }

        return base.GetSkipReason(factAttribute);
    }
}
