namespace Berth.RuntimeHost.Tests.Support;

/// <summary>A test that needs programs of the host; skipped, with their names, where they are missing (eng/prepare --tests installs them).</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ProgramFactAttribute : FactAttribute
{
    public ProgramFactAttribute(params string[] programs)
    {
        if (programs.FirstOrDefault(static program => Programs.InPath(program) is null) is { } missing)
            Skip = $"{missing} is not installed";
    }
}
