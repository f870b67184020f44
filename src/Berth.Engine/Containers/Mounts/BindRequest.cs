namespace Berth.Engine.Containers.Mounts;

/// <summary>A bind in the long form (<c>HostConfig.Mounts</c>), as it was asked for.</summary>
/// <param name="Source">A path on the host.</param>
/// <param name="Target">A path in the container.</param>
/// <param name="IsReadOnly">Whether the container may not write there.</param>
/// <param name="Consistency">Told, and without meaning on Linux; null where nothing was said.</param>
/// <param name="Options">Null where nothing was said, which is told apart from an empty object.</param>
public sealed record BindRequest(string Source, string Target, bool IsReadOnly, string? Consistency, BindRequestOptions? Options)
{
    /// <summary>Whether a folder of the host that is not there is made.</summary>
    public bool MakesSource => Options is { CreateMountpoint: true };
}

/// <summary>The options of <see cref="BindRequest"/>.</summary>
/// <param name="Propagation">One of <see cref="Binds.PropagationWords"/>; empty for the default.</param>
/// <param name="NonRecursive">Whether what is mounted below the source stays away.</param>
/// <param name="CreateMountpoint">Whether a folder of the host that is not there is made.</param>
/// <param name="ReadOnlyNonRecursive">Whether <c>ro</c> leaves alone what is mounted below.</param>
/// <param name="ReadOnlyForceRecursive">Whether <c>ro</c> without what is mounted below is an error.</param>
public sealed record BindRequestOptions(string Propagation, bool NonRecursive, bool CreateMountpoint, bool ReadOnlyNonRecursive, bool ReadOnlyForceRecursive);
