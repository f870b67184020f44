namespace Berth.Model;

/// <summary>
/// One mount as plain data: the whole contract between whoever prepares a file system (Storage, Engine) and whoever performs it (Runtime).
/// The fields mean what they mean in the OCI runtime specification, config.md, "Mounts".
/// </summary>
/// <param name="Type">A kernel file system type, or <c>bind</c>.</param>
/// <param name="Source">A host path for binds; a name otherwise.</param>
/// <param name="Destination">Absolute path inside the container; <c>/</c> for a root file system.</param>
/// <param name="Options">fstab-like options; for overlay <c>lowerdir=</c> may be repeated (uppermost first), then <c>upperdir=</c>, <c>workdir=</c>.</param>
public sealed record Mount(string Type, string Source, string Destination, IReadOnlyList<string> Options);
