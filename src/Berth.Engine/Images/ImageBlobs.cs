using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Images;

namespace Berth.Engine.Images;

/// <summary>Images' manifests and blobs one by one, as they lie in the store, for who moves only what another place lacks.</summary>
/// <param name="images">The store.</param>
/// <param name="events">Is told of what is read.</param>
public sealed class ImageBlobs(ImageStore images, Events.EventHub events)
{
    private const int MaxQuestions = 10_000;

    /// <summary>An image's manifest as it was received, or was made here, with its media type; told as a save. Layers that were made here are packed before, as for a push, so that both come to the same digests.</summary>
    /// <exception cref="EngineException">NotFound; Internal when it is damaged on the disk, or the disk refuses.</exception>
    public async Task<(ImageRecord Image, string MediaType, byte[] Content)> ReadManifestAsync(string reference, CancellationToken cancellationToken)
    {
        await using ImageHold hold = await images.HoldAsync(await images.PackAsync(images.Resolve(reference), report: null, cancellationToken), cancellationToken);
        ImageRecord image = hold.Image;
        byte[] content = images.ReadDocument(image.Manifest);
        string mediaType = ImageDocuments.ReadManifest(content, $"{reference}: its manifest").MediaType ?? MediaTypes.OciManifest;
        string id = image.Id.ToString();
        events.Publish("image", "save", id, new Dictionary<string, string>(image.Config.Config?.Labels ?? [], StringComparer.Ordinal) { ["name"] = id });
        return (image, mediaType, content);
    }

    /// <summary>A blob of an image from <paramref name="offset"/> on. It stays until the result is disposed, whatever is removed meanwhile.</summary>
    /// <exception cref="EngineException">NotFound for the image, and for a blob that is not the image's; InvalidArgument for an offset that is not in it.</exception>
    public async Task<HeldBlob> OpenAsync(string reference, Digest blob, long offset, CancellationToken cancellationToken)
    {
        ImageHold hold = await images.HoldAsync(images.Resolve(reference), cancellationToken);
        Stream? content = null;
        try
        {
            ImageRecord image = hold.Image;
            content = image.Blobs.Contains(blob) ? images.OpenBlob(blob, 0) : throw new EngineException(ErrorKind.NotFound, $"image {image.Id} has no blob {blob}");
            if (offset < 0 || offset > content.Length)
            {
                throw new EngineException(ErrorKind.InvalidArgument, $"offset {offset} is not in blob {blob}, which has {content.Length} bytes");
            }

            content.Position = offset;
            return new HeldBlob(hold, content, content.Length - offset);
        }
        catch
        {
            content?.Dispose();
            await hold.DisposeAsync();
            throw;
        }
    }

    /// <summary>As <see cref="ImageStore.FindMissingLayers"/>.</summary>
    /// <exception cref="EngineException">InvalidArgument for what is no digest; TooLarge for more than ten thousand.</exception>
    public IReadOnlyList<Digest> FindMissing(IReadOnlyList<string> blobs)
    {
        if (blobs.Count > MaxQuestions)
        {
            throw new EngineException(ErrorKind.TooLarge, $"{blobs.Count} blobs are asked about; at most {MaxQuestions} are answered for");
        }

        return images.FindMissingLayers([.. blobs.Select(static text => Digest.TryParse(text, out Digest digest)
            ? digest
            : throw new EngineException(ErrorKind.InvalidArgument, $"\"{PrintableText.Of(text)}\" is no digest"))]);
    }
}

/// <summary>A blob that is being read, and the image that is kept for it.</summary>
public sealed class HeldBlob : IAsyncDisposable
{
    private readonly IAsyncDisposable hold;

    internal HeldBlob(IAsyncDisposable hold, Stream content, long length)
    {
        this.hold = hold;
        Content = content;
        Length = length;
    }

    /// <summary>From where it was asked for to its end.</summary>
    public Stream Content { get; }

    /// <summary>Bytes of <see cref="Content"/>.</summary>
    public long Length { get; }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Content.DisposeAsync();
        await hold.DisposeAsync();
    }
}
