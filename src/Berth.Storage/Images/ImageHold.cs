using Berth.Model;

namespace Berth.Storage.Images;

/// <summary>An image whose documents and layers' blobs stay until this is disposed.</summary>
public sealed class ImageHold : IAsyncDisposable
{
    private readonly ImageStore store;
    private readonly List<Digest> blobs;

    internal ImageHold(ImageStore store, ImageRecord image, List<Digest> blobs)
    {
        this.store = store;
        this.blobs = blobs;
        Image = image;
    }

    /// <summary>The image as it was when this began.</summary>
    public ImageRecord Image { get; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await store.ReleaseAsync([], blobs);
        blobs.Clear();
    }
}
