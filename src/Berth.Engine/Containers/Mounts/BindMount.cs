namespace Berth.Engine.Containers.Mounts;

/// <summary>A folder or file of the host that a container shows, complete: what every start mounts and what clients are told.</summary>
public sealed record BindMount
{
    /// <summary>Absolute path on the host, cleaned; links in it count at each start.</summary>
    public required string Source { get; init; }

    /// <summary>Absolute path in the container, cleaned.</summary>
    public required string Destination { get; init; }

    /// <summary>The options of the short form as they were written; empty for the long form.</summary>
    public string Mode { get; init; } = "";

    public bool IsReadOnly { get; init; }

    /// <summary>One of <see cref="Binds.PropagationWords"/>.</summary>
    public string Propagation { get; init; } = Binds.DefaultPropagation;

    /// <summary>Whether <see cref="Propagation"/> was not asked for but follows from the source, and gives way where the host's mounts do not allow it.</summary>
    public bool HasImpliedPropagation { get; init; }

    /// <summary>Whether what is mounted below the source stays away.</summary>
    public bool IsNonRecursive { get; init; }

    /// <summary>Whether a source that is not there is made, as a folder, at each start.</summary>
    public bool MakesSource { get; init; }

    /// <summary>Whether only the bind itself becomes read-only, not what is mounted below it.</summary>
    public bool HasShallowReadOnly { get; init; }
}
