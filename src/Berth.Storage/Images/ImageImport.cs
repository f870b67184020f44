using System.Text.Json;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Storage.Images;

/// <summary>One import, from the archive to the record.</summary>
internal sealed class ImageImport(ImageStore store)
{
    /// <summary>As <see cref="ImageStore.ImportAsync"/>.</summary>
    public async Task<ImageRecord> RunAsync(Stream tar, ImportOptions options, CancellationToken cancellationToken)
    {
        await using ImageAssembly assembly = store.BeginAssembly();
        ReceivedLayer layer = await assembly.ReceiveLayerAsync(tar, expected: default, parent: default(Digest), cancellationToken);
        return await assembly.CommitAsync(
            new ImageParts
            {
                Config = Describe(layer.DiffId, options),
                LayerBlobs = [layer.Blob],
                References = options.Reference is { } name ? [name.WithDefaultTag()] : [],
            },
            cancellationToken);
    }

    private static byte[] Describe(Digest diffId, ImportOptions options)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        Platform platform = options.Platform ?? Platform.Host;
        ImageConfig config = new()
        {
            Architecture = platform.Architecture,
            Variant = platform.Variant,
            Os = platform.Os,
            Created = now,
            Comment = options.Message,
            Config = options.RunConfig ?? new ImageRunConfig(),
            Rootfs = new ImageRootfs { DiffIds = [diffId] },
            History = [new ImageHistory { Created = now, Comment = options.Message }],
        };
        return JsonSerializer.SerializeToUtf8Bytes(config, ImageConfigJsonContext.Default.ImageConfig);
    }
}
