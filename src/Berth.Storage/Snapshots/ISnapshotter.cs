using Berth.Model;
using Berth.Storage.Layers.Tar;

namespace Berth.Storage.Snapshots;

/// <summary>
/// Unpacked layers and the writable layers of containers. Layers are named by their chain id (OCI image specification, config.md, "Layer
/// ChainID") and never change. It performs no mounts: what a container needs is returned as values. Safe for concurrent use.
/// </summary>
public interface ISnapshotter
{
    /// <summary>What docker's users know this kind of storage as; constant for each implementation.</summary>
    string DriverName { get; }

    /// <summary>Whether the layer is there and not being removed.</summary>
    bool HasLayer(Digest chainId);

    /// <summary>All layers, in no order.</summary>
    IReadOnlyList<Digest> ListLayers();

    /// <summary>
    /// Begins a new layer on <paramref name="parent"/> (the empty digest for a lowest layer), which must be there and stay; nothing is visible before its
    /// Publish. With <see cref="ISnapshotContent.DraftsNeedParent"/> false, the parent does not matter before Publish and may be left empty here.
    /// </summary>
    /// <exception cref="EngineException">NotFound when the parent is needed and missing; Internal when the disk refuses.</exception>
    ILayerDraft CreateDraft(Digest parent);

    /// <summary>
    /// Takes the layer out of use in memory: from now on it is not found. False when it does not exist, or a container or another layer
    /// stands on it. Either <see cref="RestoreLayer"/> or <see cref="DeleteLayer"/> follows.
    /// </summary>
    bool TryRetireLayer(Digest chainId);

    /// <summary>Takes <see cref="TryRetireLayer"/> back.</summary>
    void RestoreLayer(Digest chainId);

    /// <summary>Deletes a retired layer; its name is gone on return, its content soon after.</summary>
    void DeleteLayer(Digest chainId);

    /// <summary>
    /// Makes the container's empty writable layer on top of <paramref name="chainIds"/> (lowest first) and returns its mounts as
    /// <see cref="MountsOf"/> does. Not durable by itself: if a crash takes it away before the container is recorded nothing is lost, after it
    /// <see cref="MountsOf"/> makes it again.
    /// </summary>
    /// <exception cref="EngineException">NotFound when a layer is missing; Conflict when the container already has one; Internal when the disk refuses.</exception>
    IReadOnlyList<Mount> Prepare(ContainerId key, IReadOnlyList<Digest> chainIds);

    /// <summary>The mounts that make the container's root file system, destination <c>/</c> first.</summary>
    /// <exception cref="EngineException">NotFound when a layer is missing.</exception>
    IReadOnlyList<Mount> MountsOf(ContainerId key, IReadOnlyList<Digest> chainIds);

    /// <summary>Deletes the container's writable layer, which must not be mounted any more; its name is gone on return, its content soon after. Idempotent.</summary>
    /// <exception cref="EngineException">Internal when the disk refuses.</exception>
    void Remove(ContainerId key);

    /// <summary>All containers that have a writable layer, in no order.</summary>
    IReadOnlyList<ContainerId> ListContainers();
}

/// <summary>Where an <see cref="ISnapshotter"/> has its content; the same object implements both.</summary>
public interface ISnapshotContent
{
    /// <summary>Whether a layer can only be unpacked once the one below it is complete.</summary>
    bool DraftsNeedParent { get; }

    /// <summary>A container's content; <paramref name="chainIds"/> as for <see cref="ISnapshotter.Prepare"/>.</summary>
    /// <exception cref="EngineException">NotFound when the container has no writable layer or a layer is missing.</exception>
    SnapshotFolders FoldersOf(ContainerId key, IReadOnlyList<Digest> chainIds);

    /// <summary>The mount that shows the layers (lowest first) as one read-only root file system: an overlay, or a bind of a folder that nobody may write to.</summary>
    /// <exception cref="EngineException">NotFound when a layer is missing.</exception>
    Mount ViewOf(IReadOnlyList<Digest> chainIds);

    /// <summary>What an inspecting client is told about the place of an image's layers (docker's GraphDriver.Data); empty for an image without layers.</summary>
    IReadOnlyDictionary<string, string> Describe(IReadOnlyList<Digest> chainIds);

    /// <summary>The same for a container.</summary>
    IReadOnlyDictionary<string, string> Describe(ContainerId key, IReadOnlyList<Digest> chainIds);
}

/// <summary>One layer being unpacked; disposing it without Publish deletes what is there. For one thread at a time.</summary>
public interface ILayerDraft : IDisposable
{
    /// <summary>
    /// Unpacks an uncompressed archive, read to its end; once per draft. Synchronous. Nothing is synced.
    /// </summary>
    /// <returns>The layer's size in bytes as docker counts it: regular files, hard links once, and texts of symbolic links.</returns>
    /// <exception cref="EngineException">InvalidArgument for an archive that is malformed or refused, naming the entry; Internal when the disk refuses.</exception>
    long Unpack(Stream archive, TarLimits limits);

    /// <summary>
    /// Makes the layer visible. Nothing is synced: whoever records it syncs the file system before. When the same chain id is there already, that one stays and the draft is
    /// dropped; it must not be retired at the time.
    /// </summary>
    /// <param name="chainId">The layer's chain id.</param>
    /// <param name="parent">Chain id of the layer below; the empty digest for a lowest layer. The one that the draft was made on, if it was made on one.</param>
    void Publish(Digest chainId, Digest parent);
}
