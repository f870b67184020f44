using System.Security.Cryptography;
using System.Text.Json;
using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Model.Oci.Image;
using Berth.Storage.Content;
using Berth.Storage.Images;
using Berth.Storage.Layers;

namespace Berth.Storage.Check;

/// <summary>Every blob that an image needs: there, and with the content that its name says; documents parse, and name what is recorded.</summary>
internal sealed class BlobCheck(CheckRun run)
{
    private const string Blobs = "content/blobs/sha256";
    private const string Damaged = "content/damaged";
    private readonly HashSet<Digest> good = [];
    private readonly HashSet<Digest> layerBlobs = [.. run.Table.Images.Values.SelectMany(static image => image.LayerBlobs), .. run.Table.Steps.Values.SelectMany(static step => step.LayerBlobs)];
    private long bytes;

    /// <summary>Whether the blob is there with its content (of a quick check: with its length).</summary>
    public bool IsGood(Digest blob) => good.Contains(blob);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        List<Digest> all = [.. ImageStore.NeededBlobs(run.Table).OrderBy(static blob => blob.Hex, StringComparer.Ordinal)];
        ILookup<Digest, SizeClaim> sizes = SizesOfLayers();
        for (int i = 0; i < all.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Check(all[i], sizes[all[i]], cancellationToken);
            run.Report("blobs", i + 1, all.Count);
        }

        foreach (ImageRecord image in run.Table.Images.Values)
        {
            CheckDocuments(image);
        }

        run.Summary = run.Summary with { Blobs = all.Count, BytesRead = bytes };
        await Task.CompletedTask;
    }

    // As the manifests say.
    private ILookup<Digest, SizeClaim> SizesOfLayers()
    {
        List<SizeClaim> claims = [];
        foreach (ImageRecord image in run.Table.Images.Values)
        {
            try
            {
                foreach (Descriptor layer in ImagePlan.ReadManifest(run.Content.ReadDocument(image.Manifest)).Layers)
                {
                    claims.Add(new SizeClaim(image, layer.Digest, layer.Size));
                }
            }
            catch (EngineException)
            {
                // Told when the manifest's own turn comes.
            }
        }

        return claims.Distinct().ToLookup(static claim => claim.Layer);
    }

    private void Check(Digest blob, IEnumerable<SizeClaim> sizes, CancellationToken cancellationToken)
    {
        bool isDocument = !layerBlobs.Contains(blob);
        try
        {
            using FileDescriptor? file = TryOpen(blob);
            if (file is null)
            {
                Missing(blob, isDocument);
                return;
            }

            FileStatus status = FileStatusCalls.Stat(file);
            // A manifest may say anything of a layer's size: another image's does not condemn a layer that has the content of its digest.
            List<SizeClaim> wrong = [.. sizes.Where(claim => claim.Size != status.Size)];
            if ((!run.Options.Quick || isDocument || wrong.Count > 0) && Hash(file, cancellationToken) is var found && found != blob)
            {
                Spoilt(blob, isDocument, status.Inode, wrong.Count > 0 ? $"it has {status.Size} bytes instead of {wrong[0].Size}" : $"its content has the digest {found}");
                return;
            }

            good.Add(blob);
            Forget(blob);
            wrong.ForEach(claim => Require(false, claim.Image, $"its manifest says that layer {blob} has {claim.Size} bytes; it has {status.Size}, and the content of its digest"));
        }
        catch (LinuxException e)
        {
            Tell(FindingKind.DamagedBlob, FindingState.Broken, blob, $"{Kind(isDocument)} cannot be read: {e.Message}", "look at the disk and the kernel's log");
        }
    }

    private FileDescriptor? TryOpen(Digest blob)
    {
        try
        {
            return Paths.Open(run.Root.PathOf(Blobs, blob.Hex), OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_NONBLOCK);
        }
        catch (LinuxException e) when (e.Errno == Errno.ENOENT)
        {
            return null;
        }
    }

    private Digest Hash(FileDescriptor file, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = BlockPipe.RentBlock();
        long at = 0;
        while (FileData.ReadAt(file, buffer, at) is > 0 and int count)
        {
            cancellationToken.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, count);
            at += count;
        }

        LayerIntake.Return(buffer);
        bytes += at;
        return Digest.FromHash(hash.GetHashAndReset());
    }

    private static string Kind(bool isDocument) => isDocument ? "the document" : "the layer as it came";

    private void Missing(Digest blob, bool isDocument)
    {
        string copy = File.Exists(run.Root.PathOf(Damaged, blob.Hex)) ? $"; a damaged copy is kept in {Damaged}" : "";
        if (run.Options.Repair && TryRestore(blob))
        {
            good.Add(blob);
            Tell(FindingKind.MissingBlob, FindingState.Repaired, blob, $"{Kind(isDocument)} was missing, and is made again from what the daemon knows", "");
            return;
        }

        Tell(FindingKind.MissingBlob, FindingState.Broken, blob, $"{Kind(isDocument)} is missing{copy}", AdviceFor(isDocument));
    }

    private void Spoilt(Digest blob, bool isDocument, ulong inode, string what)
    {
        if (!run.Options.Repair)
        {
            Tell(FindingKind.DamagedBlob, FindingState.Broken, blob, $"{Kind(isDocument)} is damaged: {what}", TryFindDocument(blob) is not null ? "run it with --repair" : $"{AdviceFor(isDocument)}; --repair puts it aside, so that it is fetched anew");
            return;
        }

        SetAside(blob, inode);
        if (TryRestore(blob))
        {
            good.Add(blob);
            Forget(blob);
            Tell(FindingKind.DamagedBlob, FindingState.Repaired, blob, $"{Kind(isDocument)} was damaged ({what}), and is made again from what the daemon knows", "");
            return;
        }

        Tell(FindingKind.DamagedBlob, FindingState.Broken, blob, $"{Kind(isDocument)} is damaged: {what}; it lies in {Damaged} now, and counts as missing", AdviceFor(isDocument));
    }

    private static string AdviceFor(bool isDocument) => isDocument
        ? "pull or load the image again: until then it cannot be saved or pushed, and after a restart of the daemon no container can be made of it"
        : "pull or load the image again, which fetches what is missing: until then it cannot be saved or pushed; containers are not concerned while the unpacked layer is whole";

    // Nothing is lost by it: who wants the blob finds it missing, instead of sending on what is wrong.
    private void SetAside(Digest blob, ulong inode)
    {
        run.Root.MakeFolders(Damaged);
        string kept = run.Root.PathOf(Damaged, blob.Hex);
        Paths.Rename(Paths.WorkingFolder, Bytes(run.Root.PathOf(Blobs, blob.Hex)), Paths.WorkingFolder, Bytes(kept));
        if (FileStatusCalls.Stat(Paths.WorkingFolder, Bytes(kept)).Inode != inode)
        {
            // A pull has put a whole one there in this moment.
            Paths.Rename(Paths.WorkingFolder, Bytes(kept), Paths.WorkingFolder, Bytes(run.Root.PathOf(Blobs, blob.Hex)));
        }
    }

    private void Forget(Digest blob)
    {
        string kept = run.Root.PathOf(Damaged, blob.Hex);
        if (run.Options.Repair && !run.Options.Quick && File.Exists(kept))
        {
            File.Delete(kept);
        }
    }

    private bool TryRestore(Digest blob)
    {
        if (TryFindDocument(blob) is not { } document)
        {
            return false;
        }

        using ContentWriter writer = run.Content.CreateWriter();
        writer.Write(document);
        writer.Publish(blob);
        run.Content.SyncFileSystem();
        return true;
    }

    // Documents that were made here come out the same when they are made again; of others the digest tells that they do not.
    private byte[]? TryFindDocument(Digest blob)
    {
        foreach (ImageRecord image in run.Table.Images.Values.Where(image => image.Id == blob || image.Manifest == blob))
        {
            byte[] config = JsonSerializer.SerializeToUtf8Bytes(image.Config, ImageConfigJsonContext.Default.ImageConfig);
            if (image.Id == blob && Digest.Of(config) == blob)
            {
                return config;
            }

            if (image.Manifest == blob && TryMakeManifest(image, config) is { } manifest && Digest.Of(manifest) == blob)
            {
                return manifest;
            }
        }

        return null;
    }

    private byte[]? TryMakeManifest(ImageRecord image, byte[] madeConfig)
    {
        try
        {
            byte[] config = Digest.Of(madeConfig) == image.Id ? madeConfig : run.Content.ReadDocument(image.Id);
            return ImagePlan.MakeManifest(
                config, [.. image.LayerBlobs.Select(layer => new LayerBlob(layer, run.Content.Size(layer), CompressionFormat.MediaType(BlobReplay.DetectCompression(run.Content, layer))))]);
        }
        catch (EngineException)
        {
            return null; // something that it would name is missing as well
        }
    }

    private void CheckDocuments(ImageRecord image)
    {
        try
        {
            if (good.Contains(image.Id))
            {
                ImageConfig config = ImagePlan.ReadConfig(run.Content.ReadDocument(image.Id));
                Require(config.Rootfs.DiffIds.SequenceEqual(image.Config.Rootfs.DiffIds), image, "its configuration names other layers than the daemon has in mind");
            }

            if (good.Contains(image.Manifest))
            {
                ImageManifest manifest = ImagePlan.ReadManifest(run.Content.ReadDocument(image.Manifest));
                Require(manifest.Config.Digest == image.Id, image, $"its manifest names the configuration {manifest.Config.Digest}");
                Require(manifest.Layers.Select(static layer => layer.Digest).SequenceEqual(image.LayerBlobs), image, "its manifest names other blobs than its record");
            }
        }
        catch (EngineException e)
        {
            Require(false, image, e.Message);
        }
    }

    private void Require(bool isSo, ImageRecord image, string what)
    {
        if (!isSo && run.Images.View.Images.TryGetValue(image.Id, out ImageRecord? now) && now.Manifest == image.Manifest)
        {
            run.Tell(new StorageFinding(FindingKind.Document, FindingState.Broken, image.Id.ToString(), what) { Images = [CheckRun.NameOf(image)], Advice = "remove the image, and pull or load it again" });
        }
    }

    private void Tell(string kind, FindingState state, Digest blob, string text, string advice)
    {
        // Who needed it may be gone, and somebody may have brought it.
        if (!ImageStore.NeededBlobs(run.Images.View).Contains(blob))
        {
            return;
        }

        run.Tell(new StorageFinding(kind, state, blob.ToString(), text) { Images = run.ImagesWithBlob(blob), Advice = advice });
    }

    private static byte[] Bytes(string path) => System.Text.Encoding.UTF8.GetBytes(path);

    // What an image's manifest says of one of its layers.
    private sealed record SizeClaim(ImageRecord Image, Digest Layer, long Size);
}
