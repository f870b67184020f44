namespace Berth.Storage.Snapshots;

/// <summary>Where the content of a container's root file system, or of an image's layer, lies on the host: plain data, as <see cref="Berth.Model.Mount"/> is.</summary>
/// <param name="Upper">The folder that changes are written to; of a layer, its own folder.</param>
/// <param name="Lower">The folders below it, uppermost first.</param>
/// <param name="IsWholeCopy">
/// Whether <paramref name="Upper"/> holds everything and <paramref name="Lower"/> only is what it was copied from. Otherwise the folders lie on each
/// other as overlay has them, with its marks for what is deleted.
/// </param>
public sealed record SnapshotFolders(string Upper, IReadOnlyList<string> Lower, bool IsWholeCopy);
