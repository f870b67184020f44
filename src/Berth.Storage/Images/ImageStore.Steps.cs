using Berth.Model;
using Berth.Storage.Metadata;

namespace Berth.Storage.Images;

/// <content>Steps of builds.</content>
public sealed partial class ImageStore
{
    /// <summary>All steps that are kept, in no order.</summary>
    public IReadOnlyList<BuildStep> ListSteps() => [.. Table.Steps.Values];

    /// <summary>The step with the key; null when it is not kept.</summary>
    public BuildStep? FindStep(Digest key) => Table.Steps.GetValueOrDefault(key);

    /// <summary>Whether an operation, such as a build, works on what the step left.</summary>
    public bool IsInUse(BuildStep step) => step.ChainIds.Count > 0 && Pins.IsPinnedLayer(step.ChainIds[^1]);

    /// <summary>Notes that steps were used. The record is on its way to the disk when this returns, and waited for by nobody: a crash may lose it.</summary>
    public async Task TouchStepsAsync(IReadOnlyList<Digest> keys, DateTimeOffset at)
    {
        using IDisposable turn = await TakeTurnAsync(CancellationToken.None);
        List<BuildStep> touched = [.. keys.Select(Table.Steps.GetValueOrDefault).OfType<BuildStep>().Select(step => step with { LastUsed = at, Uses = step.Uses + 1 })];
        Volatile.Write(ref table, Table with { Steps = Table.Steps.SetItems(touched.Select(static step => KeyValuePair.Create(step.Key, step))) });
        Task written = journal.CommitAsync([.. touched.Select(ImageJournal.Put)], CancellationToken.None).AsTask();
        _ = written.ContinueWith(static failed => _ = failed.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Lets steps go, and the layers that nothing else needs; those that a build works on stay.</summary>
    /// <returns>Bytes of the layers that went.</returns>
    public async Task<long> RemoveStepsAsync(IReadOnlyList<Digest> keys, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        ImageTable before = Table;
        List<BuildStep> removed = [.. keys.Select(before.Steps.GetValueOrDefault).OfType<BuildStep>().Where(step => !IsInUse(step))];
        ImageTable next = before with { Steps = before.Steps.RemoveRange(removed.Select(static step => step.Key)) };
        List<JournalChange> changes = [.. removed.Select(static step => ImageJournal.DeleteStep(step.Key))];
        Dictionary<Digest, int> depths = [];
        foreach (BuildStep step in removed)
        {
            for (int i = 0; i < step.ChainIds.Count; i++)
            {
                depths[step.ChainIds[i]] = i;
            }
        }

        // Asked for from below; it answers from above.
        List<Digest> retired = [.. next.UnusedLayers([.. depths.OrderBy(static layer => layer.Value).Select(static layer => layer.Key)]).Where(Pins.TryRetireLayer)];
        await DeleteLayersAsync(next, changes, retired, cancellationToken);
        HashSet<Digest> needed = NeededBlobs(Table);
        foreach (Digest blob in removed.SelectMany(static step => step.LayerBlobs).Distinct().Where(blob => !needed.Contains(blob)))
        {
            Pins.DeleteBlob(blob);
        }

        return retired.Sum(chainId => before.Layers[chainId].Size);
    }

    /// <summary>Records steps whose layers and blobs are in place, pinned and synced; one that is kept already is replaced.</summary>
    internal async Task RecordStepsAsync(IReadOnlyList<BuildStep> steps, IReadOnlyDictionary<Digest, LayerEntry> layers, CancellationToken cancellationToken)
    {
        using IDisposable turn = await TakeTurnAsync(cancellationToken);
        ImageTable next = Table;
        List<JournalChange> changes = [];
        foreach (BuildStep step in steps)
        {
            next = next with { Steps = next.Steps.SetItem(step.Key, step) };
            changes.Add(ImageJournal.Put(step));
            foreach (Digest chainId in step.ChainIds.Where(chainId => !next.Layers.ContainsKey(chainId)))
            {
                next = next with { Layers = next.Layers.SetItem(chainId, layers[chainId]) };
                changes.Add(ImageJournal.Put(chainId, layers[chainId]));
            }
        }

        await CommitAsync(next, changes, cancellationToken);
        FailPoint.Reach(FailPoints.StepsRecorded);
    }
}
