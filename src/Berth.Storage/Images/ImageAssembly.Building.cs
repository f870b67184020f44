using System.Security.Cryptography;
using System.Text;
using Berth.Linux;
using Berth.Model;
using Berth.Storage.Builds;
using Berth.Storage.Layers.Tar;
using Berth.Storage.Layers.Trees;
using Berth.Storage.Snapshots;

namespace Berth.Storage.Images;

/// <summary>A layer that a build step made.</summary>
/// <param name="ChainId">Its name on the layers below.</param>
/// <param name="DiffId">Digest of its archive.</param>
/// <param name="Blob">The blob that holds it.</param>
/// <param name="Size">Bytes that it adds.</param>
public sealed record BuiltLayer(Digest ChainId, Digest DiffId, Digest Blob, long Size);

/// <content>Layers that builds make: in place as soon as they are made, so that the next step stands on them, and recorded later.</content>
public sealed partial class ImageAssembly
{
    /// <summary>Makes a layer of a writable layer's changes.</summary>
    /// <param name="storage">Where everything is.</param>
    /// <param name="key">The writable layer; nothing may write to it any more.</param>
    /// <param name="chainIds">The layers that it stands on, lowest first.</param>
    /// <param name="mountTargets">Absolute paths that something was mounted at: what was made to mount it on is no part of the layer.</param>
    /// <param name="without">Folders whose content is no part of it.</param>
    /// <param name="cancellationToken">Ends it; nothing is left.</param>
    /// <returns>Null when nothing was changed.</returns>
    /// <exception cref="EngineException">InvalidArgument for content that no layer can hold; Internal when the disk refuses.</exception>
    public Task<BuiltLayer?> AddChangesAsync(
        StorageRoot storage, ContainerId key, IReadOnlyList<Digest> chainIds, IReadOnlyList<string> mountTargets, IReadOnlyList<string> without, CancellationToken cancellationToken)
    {
        ContainerContent changes = new(snapshotter);
        MountPoints points = mountTargets.Count == 0 ? MountPoints.Usual : FindMountPoints(storage, mountTargets, chainIds);
        return AddLayerAsync(chainIds, output => changes.WriteDiff(key, chainIds, without, points, output, cancellationToken), cancellationToken);
    }

    /// <summary>Makes a layer of a folder and those that lead to it, as far as they are missing; root's, of mode 0755.</summary>
    /// <param name="storage">Where everything is.</param>
    /// <param name="path">Absolute.</param>
    /// <param name="time">The folders' time in seconds since 1970.</param>
    /// <param name="chainIds">The layers that it comes upon, lowest first.</param>
    /// <param name="cancellationToken">Ends it; nothing is left.</param>
    /// <returns>Null when the folder is there.</returns>
    /// <exception cref="EngineException">InvalidArgument when something else is there; Internal when the disk refuses.</exception>
    public async Task<BuiltLayer?> AddFolderAsync(StorageRoot storage, string path, long time, IReadOnlyList<Digest> chainIds, CancellationToken cancellationToken)
    {
        using LayerTree below = LayerTree.Open(storage, snapshotter, chainIds);
        byte[] folder = SourcePaths.Resolve(below, Encoding.UTF8.GetBytes(path), followsLast: true);
        if (below.Find(folder) is { IsFolder: true })
        {
            return null;
        }

        CopyRequest request = new() { Sources = [], Destination = path, LatestTime = time };
        return await AddLayerAsync(
            chainIds,
            output =>
            {
                TarWriter writer = new(output);
                using CopyWriter copy = new(CopySelection.None(below, request), below, below, writer);
                copy.WriteFolders(folder);
                writer.Finish();
                return writer.Entries;
            },
            cancellationToken);
    }

    /// <summary>Makes a layer of what COPY or ADD takes.</summary>
    /// <param name="storage">Where everything is.</param>
    /// <param name="selection">What is copied.</param>
    /// <param name="source">Where from.</param>
    /// <param name="chainIds">The layers that it comes upon, lowest first.</param>
    /// <param name="cancellationToken">Ends it; nothing is left.</param>
    /// <exception cref="EngineException">InvalidArgument in docker's words; Internal when the disk refuses.</exception>
    internal async Task<BuiltLayer> AddCopyAsync(StorageRoot storage, CopySelection selection, ISourceTree source, IReadOnlyList<Digest> chainIds, CancellationToken cancellationToken)
    {
        using ISourceTree below = selection.Request.IsIndependent ? new EmptyTree() : LayerTree.Open(storage, snapshotter, chainIds);
        BuiltLayer? layer = await AddLayerAsync(
            chainIds,
            output =>
            {
                TarWriter writer = new(output);
                using CopyWriter copy = new(selection, source, below, writer);
                copy.Run(cancellationToken);
                writer.Finish();
                return Math.Max(1, writer.Entries);
            },
            cancellationToken);
        return layer!; // at least one entry is told
    }

    /// <summary>Puts a layer that is kept already on other layers.</summary>
    /// <param name="layer">A step that added a layer which does not depend on those below.</param>
    /// <param name="chainIds">The layers that it comes upon, lowest first.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null when its blob is not there any more.</returns>
    /// <exception cref="EngineException">Internal when the disk refuses, or the blob is damaged.</exception>
    public async Task<BuiltLayer?> AddKnownAsync(BuildStep layer, IReadOnlyList<Digest> chainIds, CancellationToken cancellationToken)
    {
        Digest parent = chainIds.Count == 0 ? default : chainIds[^1];
        Digest blob = layer.LayerBlobs[^1];
        PinBlob(blob);
        if (layer.DiffId is not { } diffId || !content.Exists(blob))
        {
            return null;
        }

        return await InstallAsync(parent, diffId, blob, cancellationToken);
    }

    /// <summary>The blobs of layers that this assembly has made or uses, each of which stays until it ends: of a layer that the store has in several blobs, the one that was pinned.</summary>
    /// <param name="chainIds">All in use.</param>
    public IReadOnlyList<Digest> BlobsOf(IReadOnlyList<Digest> chainIds)
    {
        lock (gate)
        {
            return [.. chainIds.Select(chainId => used[chainId].Blob)];
        }
    }

    /// <summary>Keeps steps for other builds, with layers that this assembly has made or uses: they are brought to the disk, then one record is made of all.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses; nothing is kept then.</exception>
    public async Task KeepStepsAsync(IReadOnlyList<BuildStep> steps, CancellationToken cancellationToken)
    {
        Dictionary<Digest, LayerEntry> layers;
        lock (gate)
        {
            layers = used.ToDictionary(static layer => layer.Key, static layer => layer.Value.Layer);
        }

        if (steps.Any(step => step.ChainIds.Any(chainId => store.LayerOf(chainId) is null)))
        {
            try
            {
                content.SyncFileSystem();
            }
            catch (LinuxException e)
            {
                throw new EngineException(ErrorKind.Internal, $"the build's steps cannot be stored: {e.Message}", e);
            }

            FailPoint.Reach(FailPoints.StepsSynced);
        }

        await store.RecordStepsAsync(steps, layers, cancellationToken);
    }

    private MountPoints FindMountPoints(StorageRoot storage, IReadOnlyList<string> targets, IReadOnlyList<Digest> chainIds)
    {
        try
        {
            using LayerTree below = LayerTree.Open(storage, snapshotter, chainIds);
            return MountPoints.With(
                targets.Select(target => SourcePaths.Resolve(below, Encoding.UTF8.GetBytes(target), followsLast: true)), path => below.Find(path) is not null);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the layers of a build step cannot be read: {e.Message}", e);
        }
    }

    private async Task<BuiltLayer?> AddLayerAsync(IReadOnlyList<Digest> chainIds, Func<Stream, long> produce, CancellationToken cancellationToken)
    {
        ImagePlan.RequireCount(chainIds.Count + 1);
        Digest parent = chainIds.Count == 0 ? default : chainIds[^1];
        long entries = 0;
        try
        {
            ReceivedLayer received = await ReceiveLayerAsync(output => entries = produce(output), parent);
            if (entries == 0)
            {
                return null;
            }

            return await InstallAsync(parent, received.DiffId, received.Blob, cancellationToken);
        }
        catch (LinuxException e)
        {
            throw new EngineException(ErrorKind.Internal, $"the step's layer cannot be stored: {e.Message}", e);
        }
    }

    private async Task<BuiltLayer> InstallAsync(Digest parent, Digest diffId, Digest layerBlob, CancellationToken cancellationToken)
    {
        Digest chainId = parent.IsEmpty ? diffId : Digest.FromHash(SHA256.HashData(Encoding.ASCII.GetBytes($"{parent} {diffId}")));
        (Digest blob, LayerEntry layer) = await InstallAsync(chainId, diffId, parent, layerBlob, cancellationToken);
        lock (gate)
        {
            used[chainId] = (blob, layer);
        }

        return new BuiltLayer(chainId, diffId, blob, layer.Size);
    }
}
