using System.Text.Json;
using Berth.Linux;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Layers;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Metadata;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>One import, from the archive to the record.</summary>
internal sealed class ImageImport(ImageStore store, Journal journal, ContentStore content, ISnapshotter snapshotter)
{
    /// <summary>As <see cref="ImageStore.ImportAsync"/>.</summary>
    public async Task<ImageRecord> RunAsync(Stream tar, ImportOptions options, TarLimits limits, CancellationToken cancellationToken)
    {
        try
        {
            using ContentWriter blob = content.CreateWriter();
            using ILayerDraft draft = snapshotter.CreateDraft();
            IngestedLayer layer = await LayerIngest.RunAsync(tar, blob, draft, limits, cancellationToken);
            using Documents documents = Describe(layer, options);

            // One wait for everything written above; the names that follow must never lead to bytes that a power cut could take away.
            content.SyncFileSystem();
            using IDisposable turn = await store.TakeTurnAsync(cancellationToken);
            return await PublishAsync(blob, draft, documents, layer, options, cancellationToken);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the image cannot be stored: {e.Message}", e);
        }
    }

    private async Task<ImageRecord> PublishAsync(ContentWriter blob, ILayerDraft draft, Documents documents, IngestedLayer layer, ImportOptions options, CancellationToken cancellationToken)
    {
        // A lowest layer's chain id is its diff id.
        bool layerIsNew = !snapshotter.HasLayer(layer.DiffId);
        try
        {
            blob.Publish();
            documents.Config.Publish();
            documents.Manifest.Publish();
            content.SyncNames();
            draft.Publish(layer.DiffId, default);
            ImageRecord image = new()
            {
                Id = documents.Config.Finish(),
                Manifest = documents.Manifest.Finish(),
                Config = documents.Parsed,
                References = [],
                Size = layer.Size,
                ChainIds = [layer.DiffId],
                LayerBlobs = [layer.Blob],
            };
            return await store.AddAsync(image, new LayerEntry { DiffId = layer.DiffId, Size = layer.Size }, options.Reference?.WithDefaultTag(), cancellationToken);
        }
        catch
        {
            Undo(layer, documents, layerIsNew);
            throw;
        }
    }

    private void Undo(IngestedLayer layer, Documents documents, bool layerIsNew)
    {
        // The record may have reached the disk although its sync failed; then the next start needs the content, otherwise it deletes it.
        if (journal.HasFailed)
        {
            return;
        }

        foreach (Digest digest in (Digest[])[layer.Blob, documents.Config.Finish(), documents.Manifest.Finish()])
        {
            if (!store.NeedsBlob(digest))
            {
                content.Delete(digest);
            }
        }

        if (layerIsNew && !store.KnowsLayer(layer.DiffId) && snapshotter.TryRetireLayer(layer.DiffId))
        {
            snapshotter.DeleteLayer(layer.DiffId);
        }
    }

    private Documents Describe(IngestedLayer layer, ImportOptions options)
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
            Rootfs = new ImageRootfs { DiffIds = [layer.DiffId] },
            History = [new ImageHistory { Created = now, Comment = options.Message }],
        };
        byte[] configBytes = JsonSerializer.SerializeToUtf8Bytes(config, ImageConfigJsonContext.Default.ImageConfig);
        ImageManifest manifest = new()
        {
            MediaType = MediaTypes.OciManifest,
            Config = new Descriptor { MediaType = MediaTypes.OciConfig, Digest = Digest.Of(configBytes), Size = configBytes.Length },
            Layers = [new Descriptor { MediaType = CompressionFormat.MediaType(layer.Compression), Digest = layer.Blob, Size = layer.BlobSize }],
        };
        byte[] manifestBytes = JsonSerializer.SerializeToUtf8Bytes(manifest, ManifestJsonContext.Default.ImageManifest);
        return new Documents(content, config, configBytes, manifestBytes);
    }

    // The two documents, written but not visible.
    private sealed class Documents : IDisposable
    {
        public Documents(ContentStore content, ImageConfig parsed, byte[] config, byte[] manifest)
        {
            Parsed = parsed;
            Config = content.CreateWriter();
            Manifest = content.CreateWriter();
            Config.Write(config);
            Manifest.Write(manifest);
        }

        public ImageConfig Parsed { get; }

        public ContentWriter Config { get; }

        public ContentWriter Manifest { get; }

        public void Dispose()
        {
            Config.Dispose();
            Manifest.Dispose();
        }
    }
}
