using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>What becomes an image of a container.</summary>
public sealed record CommitOptions
{
    /// <summary>The container whose writable layer it is.</summary>
    public required ContainerId Container { get; init; }

    /// <summary>The layers that the container stands on, lowest first.</summary>
    public required IReadOnlyList<Digest> ChainIds { get; init; }

    /// <summary>The image that the container was made from; the empty digest, or one that is gone, means an image without parent.</summary>
    public Digest Parent { get; init; }

    /// <summary>Defaults for containers of the new image.</summary>
    public required ImageRunConfig RunConfig { get; init; }

    /// <summary>Who made it.</summary>
    public string? Author { get; init; }

    /// <summary>Why.</summary>
    public string? Comment { get; init; }

    /// <summary>How, for the history: the container's command.</summary>
    public string? CreatedBy { get; init; }

    /// <summary>What its programs are for; null for the parent's, or the host's without parent.</summary>
    public Platform? Platform { get; init; }

    /// <summary>The name that shall lead to it; null for none.</summary>
    public ImageReference? Reference { get; init; }
}

/// <summary>One commit, from the writable layer to the record.</summary>
internal sealed class ImageCommit(ImageStore store, ISnapshotter snapshotter)
{
    /// <summary>As <see cref="ImageStore.CommitAsync"/>.</summary>
    public async Task<ImageRecord> RunAsync(CommitOptions options, CancellationToken cancellationToken)
    {
        await using ImageAssembly assembly = store.BeginAssembly();
        ContainerContent content = new(snapshotter);
        long entries = 0;
        ReceivedLayer received = await assembly.ReceiveLayerAsync(
            output => entries = content.WriteDiff(options.Container, options.ChainIds, output, cancellationToken),
            options.ChainIds.Count == 0 ? default : options.ChainIds[^1]);
        ImageRecord? parent = options.Parent.IsEmpty ? null : store.List().FirstOrDefault(image => image.Id == options.Parent);
        List<Digest> diffIds = [.. options.ChainIds.Select(DiffIdOf)];
        List<Digest> blobs = [.. options.ChainIds.Select(static _ => default(Digest))];
        if (entries > 0)
        {
            // A container that changed nothing gives a step without a layer, as docker has it.
            diffIds.Add(received.DiffId);
            blobs.Add(received.Blob);
        }

        return await assembly.CommitAsync(
            new ImageParts
            {
                Config = Describe(options, parent, diffIds, isEmpty: entries == 0),
                LayerBlobs = blobs,
                References = options.Reference is { } name ? [name.WithDefaultTag()] : [],
                Parent = parent?.Id ?? default,
            },
            cancellationToken);
    }

    private static byte[] Describe(CommitOptions options, ImageRecord? parent, IReadOnlyList<Digest> diffIds, bool isEmpty)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        Platform platform = options.Platform ?? (parent is null ? Platform.Host : new Platform(parent.Config.Os, parent.Config.Architecture, parent.Config.Variant));
        ImageHistory step = new()
        {
            Created = now,
            CreatedBy = options.CreatedBy,
            Author = options.Author,
            Comment = options.Comment,
            EmptyLayer = isEmpty ? true : null,
        };
        ImageConfig config = new()
        {
            Architecture = platform.Architecture,
            Variant = platform.Variant,
            Os = platform.Os,
            Created = now,
            Author = options.Author,
            Comment = options.Comment,
            Container = options.Container.ToString(),
            Config = options.RunConfig,
            Rootfs = new ImageRootfs { DiffIds = diffIds },
            History = [.. parent?.Config.History ?? [], step],
        };
        return JsonSerializer.SerializeToUtf8Bytes(config, ImageConfigJsonContext.Default.ImageConfig);
    }

    private Digest DiffIdOf(Digest chainId) =>
        store.LayerOf(chainId)?.DiffId ?? throw new EngineException(ErrorKind.NotFound, $"layer {chainId} of the container is not in the store");
}
