namespace Berth.Dockerfile.Expansion;

/// <summary>The work that all expansions of a build may do; shared by its scopes and safe to use from several threads.</summary>
public sealed class ExpansionBudget(DockerfileLimits? limits = null)
{
    private long _left = (limits ?? DockerfileLimits.Default).MaxExpansionWork;

    /// <summary>The limits it goes by.</summary>
    public DockerfileLimits Limits { get; } = limits ?? DockerfileLimits.Default;

    internal void Spend(long work)
    {
        if (Interlocked.Add(ref _left, -work) < 0)
        {
            throw new ExpansionFailure($"the variables of this build take more than {Limits.MaxExpansionWork} steps to put in");
        }
    }
}

/// <summary>Why a word cannot be expanded; never leaves this folder: it becomes a <see cref="DockerfileException"/> with the word and the place.</summary>
internal sealed class ExpansionFailure(string reason) : Exception(reason);
