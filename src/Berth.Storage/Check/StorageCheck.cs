using System.Text;
using Berth.Model;
using Berth.Storage.Content;
using Berth.Storage.Images;
using Berth.Storage.Metadata;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Check;

/// <summary>
/// Proves that what the data root holds is what its records say, and puts right what can be: <c>berth system fsck</c>. It runs beside everything else: what it looks at is
/// pinned, and what went or came meanwhile is no finding. What it cannot put right stays as it is. One at a time.
/// </summary>
public sealed class StorageCheck : IDisposable
{
    private readonly SemaphoreSlim alone = new(1);
    private readonly StorageRoot root;
    private readonly Journal journal;
    private readonly ContentStore content;
    private readonly FolderSnapshotter snapshotter;
    private readonly ImageStore images;
    private readonly ILayerUsers users;

    /// <param name="root">The data root.</param>
    /// <param name="journal">Its records.</param>
    /// <param name="content">Its blobs.</param>
    /// <param name="snapshotter">Its layers.</param>
    /// <param name="images">Its images.</param>
    /// <param name="users">Its containers.</param>
    public StorageCheck(StorageRoot root, Journal journal, ContentStore content, FolderSnapshotter snapshotter, ImageStore images, ILayerUsers users)
    {
        this.root = root;
        this.journal = journal;
        this.content = content;
        this.snapshotter = snapshotter;
        this.images = images;
        this.users = users;
    }

    /// <summary>Runs one check.</summary>
    /// <param name="options">What is to be done.</param>
    /// <param name="found">Is told each finding, once, when its state is final.</param>
    /// <param name="progress">Is told how far it is.</param>
    /// <param name="cancellationToken">Ends it between two files; what is repaired stays so.</param>
    /// <exception cref="EngineException">Conflict while another check runs; Internal when the data root cannot be read at all.</exception>
    public async Task<StorageCheckSummary> RunAsync(
        StorageCheckOptions options, Action<StorageFinding> found, Action<StorageCheckProgress> progress, CancellationToken cancellationToken)
    {
        if (!await alone.WaitAsync(0, cancellationToken))
        {
            throw new EngineException(ErrorKind.Conflict, "the storage is being checked already; wait until that is done");
        }

        List<Digest> pinnedLayers = [];
        List<Digest> pinnedBlobs = [];
        CheckRun run = new(root, content, snapshotter, images, users, options, found, progress);
        try
        {
            using (await images.TakeTurnAsync(cancellationToken))
            {
                // Under one turn: what the table names is there, and stays until the end.
                run.Table = images.View;
                pinnedLayers.AddRange(run.Table.Layers.Keys.Where(images.Pins.TryPinLayer));
                pinnedBlobs.AddRange(ImageStore.NeededBlobs(run.Table));
                pinnedBlobs.ForEach(images.Pins.PinBlob);
            }

            run.Containers = users.List();
            CheckReferences(run);
            new RecordCheck(run).Run();
            BlobCheck blobs = new(run);
            await Task.Run(() => blobs.RunAsync(cancellationToken), cancellationToken);
            await Task.Run(() => new LayerCheck(run, blobs).RunAsync(cancellationToken), cancellationToken);
            new ContainerCheck(run).Run();
            await Task.Run(() => new LeftoverCheck(run).RunAsync(cancellationToken), cancellationToken);
            return run.Summary;
        }
        catch (IOException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the data root {root.Path} cannot be checked: {e.Message}", e);
        }
        finally
        {
            await images.ReleaseAsync(pinnedLayers, pinnedBlobs);
            alone.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => alone.Dispose();

    // The table was made of the journal's records, and both are changed together: they differ only if the daemon is wrong.
    private void CheckReferences(CheckRun run)
    {
        IReadOnlyDictionary<string, byte[]> recorded = journal.Read(ImageJournal.References);
        foreach ((ImageReference name, Digest id) in run.Table.References)
        {
            bool isSame = recorded.TryGetValue(name.ToString(), out byte[]? value) && Encoding.ASCII.GetString(value) == id.ToString();
            if ((!isSame || !run.Table.Images.ContainsKey(id)) && images.View.References.GetValueOrDefault(name) == id)
            {
                run.Tell(new StorageFinding(FindingKind.Reference, FindingState.Broken, name.Familiar, $"the name leads to {id}, which the journal does not say or which is not there") { Advice = "restart the daemon" });
            }
        }
    }
}
