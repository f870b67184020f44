using Berth.Model;
using Berth.Storage.Builds;

namespace Berth.Build.Solver;

/// <summary>The mounts of one step while it runs.</summary>
internal sealed class OpenMounts : IDisposable
{
    private readonly PreparedMount?[] mounts;
    private readonly IReadOnlyList<StepMount> asked;

    private OpenMounts(IReadOnlyList<StepMount> asked)
    {
        this.asked = asked;
        mounts = new PreparedMount?[asked.Count];
    }

    /// <summary>Ready to be mounted, in the step's order.</summary>
    public IReadOnlyList<Mount> List => [.. mounts.Select((mount, index) => mount is null ? null : mount.Mount with { Destination = asked[index].Target }).OfType<Mount>()];

    /// <summary>Opens them; those that others may have first in one order for all steps, so that no two wait for each other.</summary>
    /// <exception cref="EngineException">One of them cannot be made ready.</exception>
    public static async Task<OpenMounts> OpenAsync(IReadOnlyList<StepMount> asked, ContainerId step, CancellationToken cancellationToken)
    {
        OpenMounts result = new(asked);
        try
        {
            foreach (int index in Enumerable.Range(0, asked.Count).OrderBy(index => asked[index].Turn, StringComparer.Ordinal))
            {
                result.mounts[index] = await asked[index].Open(step, cancellationToken);
            }

            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(mounts, static mount => mount?.Dispose());
}
