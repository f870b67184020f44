using Berth.Engine.Containers;
using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Metadata;

namespace Berth.Engine.Upkeep;

/// <summary>Images that no eviction takes: by a name (whatever image has it), by an id, or by their own label <c>io.berth.pin=true</c>.</summary>
public sealed class ImagePins(ContainerServices services)
{
    private const string Bucket = "image-pins";
    private const string Label = "io.berth.pin";

    /// <summary>Names and ids that are pinned.</summary>
    public IReadOnlyList<string> List() => [.. services.Journal.Read(Bucket).Keys.Order(StringComparer.Ordinal)];

    /// <summary>Whether the image is pinned.</summary>
    public bool IsPinned(ImageRecord image)
    {
        IReadOnlyDictionary<string, byte[]> pins = services.Journal.Read(Bucket);
        return pins.ContainsKey(image.Id.ToString()) || image.References.Any(name => pins.ContainsKey(name.ToString()))
            || (image.Config.Config?.Labels?.TryGetValue(Label, out string? value) == true && value == "true");
    }

    /// <summary>Pins an image, by the name that is given or, for an id, by the id; idempotent.</summary>
    /// <returns>What is pinned.</returns>
    /// <exception cref="EngineException">NotFound.</exception>
    public async Task<string> PinAsync(string reference, CancellationToken cancellationToken)
    {
        string key = KeyOf(reference, services.Images.Resolve(reference));
        await services.Journal.CommitAsync([new JournalChange(Bucket, key, [])], cancellationToken);
        return key;
    }

    /// <summary>Takes it back.</summary>
    /// <returns>What is pinned no more.</returns>
    /// <exception cref="EngineException">NotFound when neither the image nor a pin of that name is there; Conflict for one that is not pinned so.</exception>
    public async Task<string> UnpinAsync(string reference, CancellationToken cancellationToken)
    {
        // A pin may outlive what it was for.
        string key = ImageReference.TryParse(reference, out ImageReference name, out _) && services.Journal.Read(Bucket).ContainsKey(name.WithDefaultTag().ToString())
            ? name.WithDefaultTag().ToString()
            : services.Journal.Read(Bucket).ContainsKey(reference) ? reference : KeyOf(reference, services.Images.Resolve(reference));
        if (!services.Journal.Read(Bucket).ContainsKey(key))
        {
            throw new EngineException(ErrorKind.Conflict, $"image {reference} is not pinned by {key}; the pins are: {(List() is { Count: > 0 } pins ? string.Join(", ", pins) : "none")}");
        }

        await services.Journal.CommitAsync([new JournalChange(Bucket, key, null)], cancellationToken);
        return key;
    }

    private static string KeyOf(string reference, ImageRecord image) =>
        ImageReference.TryParse(reference, out ImageReference name, out _) && image.References.Contains(name.WithDefaultTag()) ? name.WithDefaultTag().ToString() : image.Id.ToString();
}
