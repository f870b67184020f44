using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Snapshots;

namespace Berth.Engine.Images;

/// <summary>The use cases of looking into images.</summary>
public sealed class ImageInspection
{
    private readonly ImageContents contents;

    /// <param name="images">The images.</param>
    /// <param name="snapshots">Their layers.</param>
    public ImageInspection(ImageStore images, FolderSnapshotter snapshots) => contents = new ImageContents(images, snapshots);

    /// <summary>As <see cref="ImageContents.StepsOf"/>.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public IReadOnlyList<ImageStep> StepsOf(string reference) => contents.StepsOf(reference);

    /// <summary>As <see cref="ImageContents.WalkLayersAsync"/>.</summary>
    /// <exception cref="EngineException">NotFound; Internal when the disk refuses.</exception>
    public Task WalkLayersAsync(string reference, int depth, Action<ImageChange> change, Action<int, ImageChangeTotals> end, CancellationToken cancellationToken) =>
        contents.WalkLayersAsync(reference, depth, change, end, cancellationToken);

    /// <summary>As <see cref="ImageContents.CompareAsync"/>.</summary>
    /// <exception cref="EngineException">NotFound; Internal when the disk refuses.</exception>
    public Task<ImageChangeTotals> CompareAsync(string first, string second, Action<ImageChange> change, CancellationToken cancellationToken) =>
        contents.CompareAsync(first, second, change, cancellationToken);
}
