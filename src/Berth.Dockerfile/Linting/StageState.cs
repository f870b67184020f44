using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;

namespace Berth.Dockerfile.Linting;

/// <summary>What the checks of a stage's instructions have to know of those before them, in this stage and in those it begins with.</summary>
internal sealed class StageState
{
    private StageState(StageScope scope, bool isEnvironmentKnown)
    {
        Scope = scope;
        IsEnvironmentKnown = isEnvironmentKnown;
    }

    public StageState(StageState parent)
        : this(new StageScope(parent.Scope), parent.IsEnvironmentKnown)
    {
        HasShell = parent.HasShell;
        HasWorkdir = parent.HasWorkdir;
    }

    public StageScope Scope { get; }

    public bool IsEnvironmentKnown { get; }

    public bool HasShell { get; set; }

    public bool HasWorkdir { get; set; }

    public static StageState FromImage(GlobalScope global, Stage stage, LintContext context)
    {
        IReadOnlyDictionary<string, string>? environment = null;
        try
        {
            environment = context.BaseEnvironment(global.ExpandFrom(stage).BaseName);
        }
        catch (DockerfileException)
        {
            // the build fails with the same error, and says so
        }

        var known = new Dictionary<string, string>(environment ?? new Dictionary<string, string>(StringComparer.Ordinal), StringComparer.Ordinal);
        known.TryAdd("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"); // what RUN gets where the image says nothing
        return new StageState(new StageScope(global, known), environment is not null);
    }
}
