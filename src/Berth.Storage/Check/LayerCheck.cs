using Berth.Linux;
using Berth.Linux.Files;
using Berth.Model;
using Berth.Storage.Images;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Check;

/// <summary>Every recorded layer: its folder is there, its link leads to the layer below, and its content is that of its blob.</summary>
internal sealed class LayerCheck(CheckRun run, BlobCheck blobs)
{
    private readonly Dictionary<Digest, Digest> parents = ParentsOf(run.Table);
    private int unproven;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        List<Digest> all = [.. run.Table.Layers.Keys.OrderBy(DepthOf).ThenBy(static chainId => chainId.Hex, StringComparer.Ordinal)];
        for (int i = 0; i < all.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (run.Images.View.Layers.ContainsKey(all[i]))
            {
                await CheckAsync(all[i], cancellationToken);
            }

            run.Report("layers", i + 1, all.Count);
        }

        run.Summary = run.Summary with { Layers = all.Count, UnprovenLayers = unproven };
    }

    // By the digests themselves, whatever links and images say.
    private static Dictionary<Digest, Digest> ParentsOf(ImageTable table)
    {
        Dictionary<Digest, Digest> found = [];
        foreach (ImageRecord image in table.Images.Values)
        {
            for (int i = 0; i < image.ChainIds.Count; i++)
            {
                found[image.ChainIds[i]] = i == 0 ? default : image.ChainIds[i - 1];
            }
        }

        foreach ((Digest chainId, LayerEntry layer) in table.Layers.Where(layer => !found.ContainsKey(layer.Key)))
        {
            found[chainId] = chainId == layer.DiffId ? default : table.Layers.Keys.FirstOrDefault(below => IsOn(chainId, layer.DiffId, below));
        }

        return found;
    }

    private static bool IsOn(Digest chainId, Digest diffId, Digest below) =>
        Digest.FromHash(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes($"{below} {diffId}"))) == chainId;

    private int DepthOf(Digest chainId)
    {
        int depth = 0;
        for (Digest at = chainId; depth < ImagePlan.MaxLayers && parents.TryGetValue(at, out Digest below) && !below.IsEmpty; at = below)
        {
            depth++;
        }

        return depth;
    }

    private async Task CheckAsync(Digest chainId, CancellationToken cancellationToken)
    {
        Digest? blob = GoodBlobOf(chainId, out bool hasBlob);
        using (FileDescriptor? folder = run.Snapshotter.TryOpenContent(chainId))
        {
            if (folder is null)
            {
                await RepairAsync(FindingKind.MissingLayer, chainId, blob, "the unpacked layer is missing", cancellationToken);
                return;
            }

            CheckParent(chainId);
            if (run.Options.Quick)
            {
                CheckSize(chainId, folder);
                return;
            }
        }

        if (blob is null)
        {
            unproven += hasBlob ? 0 : 1; // a damaged or missing blob is told of already
            return;
        }

        if (LacksLayerBelow(chainId))
        {
            unproven++; // that is told already, and without it there is nothing to compare with
            return;
        }

        string? what = await CompareAsync(chainId, blob.Value, cancellationToken);
        if (what is not null && run.Images.View.Layers.ContainsKey(chainId))
        {
            await RepairAsync(FindingKind.DamagedLayer, chainId, blob, $"the unpacked layer is not what its archive holds: {what}", cancellationToken);
        }
    }

    private Digest? GoodBlobOf(Digest chainId, out bool hasBlob)
    {
        hasBlob = false;
        foreach (ImageRecord image in run.Table.Images.Values)
        {
            for (int i = 0; i < Math.Min(image.ChainIds.Count, image.LayerBlobs.Count); i++)
            {
                if (image.ChainIds[i] == chainId)
                {
                    hasBlob = true;
                    if (blobs.IsGood(image.LayerBlobs[i]))
                    {
                        return image.LayerBlobs[i];
                    }
                }
            }
        }

        foreach (Digest blob in run.Table.Steps.Values.Select(step => step.BlobOf(chainId)).OfType<Digest>())
        {
            hasBlob = true;
            if (blobs.IsGood(blob))
            {
                return blob;
            }
        }

        return null;
    }

    private void CheckParent(Digest chainId)
    {
        Digest wanted = parents[chainId];
        string found = run.Snapshotter.ReadParentText(chainId) ?? "";
        if (found == (wanted.IsEmpty ? "" : wanted.Hex))
        {
            return;
        }

        string text = $"the layer's link to the one below says \"{NativePath.Show(System.Text.Encoding.UTF8.GetBytes(found))}\" instead of \"{(wanted.IsEmpty ? "" : wanted.Hex)}\"";
        bool isKnown = !wanted.IsEmpty || chainId == run.Table.Layers[chainId].DiffId;
        if (run.Options.Repair && isKnown)
        {
            run.Snapshotter.SetParent(chainId, wanted);
        }

        Tell(FindingKind.LayerParent, run.Options.Repair && isKnown ? FindingState.Repaired : FindingState.Broken, chainId, text, run.Options.Repair ? "" : "run it with --repair");
    }

    private void CheckSize(Digest chainId, FileDescriptor folder)
    {
        // What the driver vfs keeps of a layer is all below it as well, of which the record says nothing.
        long size = run.Snapshotter.DraftsNeedParent ? run.Table.Layers[chainId].Size : FolderTree.Size(folder);
        if (size != run.Table.Layers[chainId].Size)
        {
            Tell(FindingKind.DamagedLayer, FindingState.Broken, chainId, $"the unpacked layer has {size} bytes instead of {run.Table.Layers[chainId].Size}", "run it without --quick, and with --repair");
        }
    }

    // Null when it is as it should be.
    private async Task<string?> CompareAsync(Digest chainId, Digest blob, CancellationToken cancellationToken)
    {
        try
        {
            if (run.Snapshotter.DraftsNeedParent)
            {
                using ILayerDraft draft = await StageAsync(chainId, blob, cancellationToken);
                return CompareWithDraft(chainId, draft, cancellationToken);
            }

            using FileDescriptor? folder = run.Snapshotter.TryOpenContent(chainId);
            if (folder is null)
            {
                return null; // just removed
            }

            (string? what, bool isSure) = await VerifyAsync(folder, chainId, blob, cancellationToken);
            if (what is null || isSure)
            {
                return what;
            }

            using ILayerDraft unpacked = await StageAsync(chainId, blob, cancellationToken);
            return CompareWithDraft(chainId, unpacked, cancellationToken);
        }
        catch (LinuxException e)
        {
            return $"it cannot be read: {e.Message}";
        }
        catch (EngineException e) when (e.Kind is ErrorKind.InvalidArgument or ErrorKind.Internal)
        {
            return $"its archive cannot be read again: {e.Message}";
        }
    }

    private async Task<(string? What, bool IsSure)> VerifyAsync(FileDescriptor folder, Digest chainId, Digest blob, CancellationToken cancellationToken)
    {
        using LayerVerifier verifier = new(folder, run.Images.Limits);
        await using Stream stored = run.Content.Open(blob);
        (Digest diffId, _, _) = await BlobReplay.RunAsync(stored, archive => verifier.Verify(archive, cancellationToken), cancellationToken);
        if (diffId != run.Table.Layers[chainId].DiffId)
        {
            return ($"its archive has the digest {diffId} instead of {run.Table.Layers[chainId].DiffId}", true);
        }

        return (verifier.Differences.Count == 0 ? null : verifier.Differences.Describe(), !verifier.HasRepeatedNames);
    }

    private async Task<ILayerDraft> StageAsync(Digest chainId, Digest blob, CancellationToken cancellationToken)
    {
        ILayerDraft draft = run.Snapshotter.Stage(parents[chainId]);
        try
        {
            await using Stream stored = run.Content.Open(blob);
            (Digest diffId, _, _) = await BlobReplay.RunAsync(stored, archive => draft.Unpack(archive, run.Images.Limits), cancellationToken);
            return diffId == run.Table.Layers[chainId].DiffId
                ? draft
                : throw new EngineException(ErrorKind.Internal, $"blob {blob} holds the archive {diffId} instead of {run.Table.Layers[chainId].DiffId}");
        }
        catch
        {
            draft.Dispose();
            throw;
        }
    }

    private string? CompareWithDraft(Digest chainId, ILayerDraft draft, CancellationToken cancellationToken)
    {
        using FileDescriptor wanted = run.Snapshotter.OpenContent(draft);
        using FileDescriptor? actual = run.Snapshotter.TryOpenContent(chainId);
        if (actual is null)
        {
            return null;
        }

        DifferenceList differences = new();
        new TreeComparison(wanted, actual, differences).Run(cancellationToken);
        return differences.Count == 0 ? null : differences.Describe();
    }

    private async Task RepairAsync(string kind, Digest chainId, Digest? blob, string text, CancellationToken cancellationToken)
    {
        if (blob is null)
        {
            Tell(kind, FindingState.Broken, chainId, text + "; nor is its archive whole, from which it could be unpacked again", "pull or load the image again");
            return;
        }

        if (!run.Options.Repair)
        {
            Tell(kind, FindingState.Broken, chainId, text, "run it with --repair: its archive is whole");
            return;
        }

        if (LacksLayerBelow(chainId))
        {
            Tell(kind, FindingState.Broken, chainId, text + "; it cannot be unpacked, as the layer below is broken", "repair that first");
            return;
        }

        try
        {
            string? hindrance = await ReplaceAsync(chainId, blob.Value, cancellationToken);
            Tell(kind, hindrance is null ? FindingState.Repaired : FindingState.Broken, chainId, text + (hindrance is null ? "; it was unpacked again" : "; " + hindrance), hindrance is null ? "" : "stop the containers, and check again with --repair");
        }
        catch (EngineException e)
        {
            Tell(kind, FindingState.Broken, chainId, $"{text}; it could not be unpacked again: {e.Message}", "see what hinders it, and check again with --repair");
        }
    }

    // With a driver that unpacks on top of a copy of the layer below.
    private bool LacksLayerBelow(Digest chainId)
    {
        if (!run.Snapshotter.DraftsNeedParent || parents[chainId].IsEmpty)
        {
            return false;
        }

        using FileDescriptor? below = run.Snapshotter.TryOpenContent(parents[chainId]);
        return below is null || !run.Snapshotter.HasLayer(parents[chainId]);
    }

    private async Task<string?> ReplaceAsync(Digest chainId, Digest blob, CancellationToken cancellationToken)
    {
        using ILayerDraft draft = await StageAsync(chainId, blob, cancellationToken);
        run.Snapshotter.BeginReplacement(chainId);
        try
        {
            using IDisposable? hold = await run.Users.TryHoldAsync(chainId, cancellationToken);
            if (hold is null)
            {
                return "a container that stands on it runs, so it stays as it is";
            }

            using IDisposable turn = await run.Images.TakeTurnAsync(cancellationToken);
            if (run.Images.View.Layers.ContainsKey(chainId))
            {
                run.Snapshotter.Replace(chainId, parents[chainId], draft);
            }

            return null;
        }
        finally
        {
            run.Snapshotter.EndReplacement(chainId);
        }
    }

    private void Tell(string kind, FindingState state, Digest chainId, string text, string advice)
    {
        if (run.Images.View.Layers.ContainsKey(chainId))
        {
            run.Tell(new StorageFinding(kind, state, chainId.ToString(), text) { Images = run.ImagesWithLayer(chainId), Containers = run.ContainersOn(chainId), Advice = advice });
        }
    }
}
