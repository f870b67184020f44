using Berth.Linux;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Layers;

namespace Berth.Storage.Images;

/// <content>Packing layers that were made here.</content>
public sealed partial class ImageAssembly
{
    /// <summary>As <see cref="ImageStore.PackAsync"/>, for one caller of a store at a time.</summary>
    internal async Task<ImageRecord> PackAsync(ImageRecord image, Action<PackProgress>? report, CancellationToken cancellationToken)
    {
        try
        {
            Dictionary<Digest, Digest> packed = [];
            for (int i = 0; i < image.LayerBlobs.Count; i++)
            {
                Digest blob = image.LayerBlobs[i];
                if (store.IsPlainAndMadeHere(image, i) && !packed.ContainsKey(blob))
                {
                    packed.Add(blob, FindPacked(image.ChainIds[i], blob) ?? await PackAsync(blob, report, cancellationToken));
                }
            }

            if (packed.Count == 0)
            {
                return image;
            }

            // Images that have a layer in common go on sharing its blob.
            List<(ImageRecord Before, ImageRecord After)> changes = [];
            foreach (ImageRecord one in store.List().Where(one => Enumerable.Range(0, one.LayerBlobs.Count).Any(i => packed.ContainsKey(one.LayerBlobs[i]) && store.IsPlainAndMadeHere(one, i))))
            {
                try
                {
                    List<Digest> blobs = [.. one.LayerBlobs.Select(blob => packed.GetValueOrDefault(blob, blob))];
                    changes.Add((one, one with { LayerBlobs = blobs, Manifest = WriteDocument(ImagePlan.MakeManifest(content.ReadDocument(one.Id), [.. blobs.Select(Describe)])) }));
                }
                catch (EngineException) when (one.Id != image.Id)
                {
                    // Damaged, or just being removed: it keeps what it has.
                }
            }

            FailPoint.Reach(FailPoints.ImageDocumentWritten);
            content.SyncFileSystem();
            FailPoint.Reach(FailPoints.ImageSynced);
            return await store.ReplaceAsync(image.Id, changes, packed, cancellationToken);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the image's layers cannot be packed: {e.Message}", e);
        }
    }

    private Digest? FindPacked(Digest chainId, Digest plain)
    {
        if (store.BlobOf(chainId, other => other != plain) is not { } blob)
        {
            return null;
        }

        PinBlob(blob);
        return content.Exists(blob) ? blob : null;
    }

    private async Task<Digest> PackAsync(Digest blob, Action<PackProgress>? report, CancellationToken cancellationToken)
    {
        PinBlob(blob);
        await using Stream plain = content.Open(blob);
        long total = plain.Length;
        using ContentWriter writer = content.CreateWriter();
        Action<long>? tell = report is null ? null : done => report(new PackProgress(blob, done, total));
        using HashingReader reader = new(plain, cancellationToken);
        await Task.Factory.StartNew(() => GzipPacker.Pack(reader, writer, tell, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (reader.Finish() != blob)
        {
            // Packed, it would have a digest that fits.
            throw new EngineException(ErrorKind.Internal, $"layer {blob} is damaged on the disk and is not packed; \"berth system fsck\" tells more");
        }

        PinBlob(writer.Finish());
        Digest packed = writer.Publish();
        FailPoint.Reach(FailPoints.ImageBlobPublished);
        return packed;
    }
}
