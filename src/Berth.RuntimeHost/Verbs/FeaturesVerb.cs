using System.Text.Json;
using Berth.Runtime.Features;
using Berth.RuntimeHost.CommandLine;

namespace Berth.RuntimeHost.Verbs;

/// <summary><c>features</c>: what is implemented, as JSON.</summary>
internal static class FeaturesVerb
{
    public static Verb Verb() => new("features", "show what is implemented, as JSON", "", "The document is that of the specification's features.md.", [], Run);

    private static int Run(VerbCall call)
    {
        call.Arguments.Expect("features", 0, 0);
        RuntimeFeatures features = new() { Annotations = new(StringComparer.Ordinal) { ["org.berth.runtime.version"] = ProgramVersion.Text } };
        RuntimeLog.Print(JsonSerializer.Serialize(features, RuntimeFeaturesJsonContext.Default.RuntimeFeatures) + "\n");
        return 0;
    }
}
