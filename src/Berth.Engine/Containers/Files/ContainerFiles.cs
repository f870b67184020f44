using System.Runtime.InteropServices;
using Berth.Engine.Events;
using Berth.Model;
using Berth.Runtime.Users;
using Berth.Storage.Files;
using Berth.Storage.Snapshots;

namespace Berth.Engine.Containers;

/// <summary>The use cases on containers' files: what they changed, how much that is, and what goes in and out.</summary>
public sealed class ContainerFiles
{
    private readonly ContainerServices services;
    private readonly ContainerService containers;
    private readonly ContainerContent content;

    /// <param name="services">What containers need of the world.</param>
    /// <param name="containers">Where they are found.</param>
    public ContainerFiles(ContainerServices services, ContainerService containers)
    {
        this.services = services;
        this.containers = containers;
        content = new ContainerContent(services.Snapshots);
    }

    /// <summary>What the container's writable layer changes of its image.</summary>
    /// <exception cref="EngineException">NotFound; Internal when the disk refuses.</exception>
    public async Task<IReadOnlyList<PathChange>> ListChangesAsync(string reference, CancellationToken cancellationToken)
    {
        Container container = containers.Find(reference);
        using IDisposable use = await container.UseFilesAsync(isClients: false, cancellationToken);
        return await Task.Run(() => content.ListChanges(container.Record.Id, container.Record.ChainIds, cancellationToken), cancellationToken);
    }

    /// <summary>Writes all that is visible in the container, without mounts, as a tar archive.</summary>
    /// <exception cref="EngineException">NotFound before anything is written; Internal when the disk refuses.</exception>
    public async Task ExportAsync(string reference, Stream output, CancellationToken cancellationToken)
    {
        Container container = containers.Find(reference);
        using FileUse use = await container.UseFilesAsync(isClients: true, cancellationToken);
        await use.RunAsync(output, (watched, ending) => content.ExportAsync(container.Record.Id, container.Record.ChainIds, watched, ending), cancellationToken);
        services.Events.Publish(container.Record, "export");
    }

    /// <summary>Bytes of the files that the container has added or changed.</summary>
    /// <exception cref="EngineException">NotFound; Internal when the disk refuses.</exception>
    public async Task<long> GetSizeAsync(ContainerId id, CancellationToken cancellationToken)
    {
        Container container = containers.Find(id.ToString());
        using IDisposable use = await container.UseFilesAsync(isClients: false, cancellationToken);
        return await Task.Run(() => content.GetSize(id, container.Record.ChainIds, cancellationToken), cancellationToken);
    }

    /// <summary>The sizes of one container as docker tells them: of its writable layer, and with its image.</summary>
    /// <exception cref="EngineException">As of <see cref="GetSizeAsync"/>.</exception>
    public async Task<ContainerSize> MeasureAsync(ContainerInfo info, CancellationToken cancellationToken)
    {
        long writable = await GetSizeAsync(info.Record.Id, cancellationToken);
        Dictionary<Digest, long> layers = services.Images.ListLayers().ToDictionary(static layer => layer.ChainId, static layer => layer.Size);
        return new ContainerSize(writable, writable + info.Record.ChainIds.Sum(layers.GetValueOrDefault));
    }

    /// <summary>Finds a path in the container and holds what is there, until the result is disposed.</summary>
    /// <exception cref="EngineException">NotFound for the container or the path, in docker's words.</exception>
    public async Task<ContainerPath> OpenAsync(string reference, string path, CancellationToken cancellationToken)
    {
        Container container = containers.Find(reference);
        OpenRoot root = await container.OpenRootAsync(reference, cancellationToken);
        try
        {
            return new ContainerPath(root.Root.Pin(path), root, () => services.Events.Publish(container.Record, "archive-path"));
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    /// <summary>Puts an archive's entries into a folder of the container.</summary>
    /// <param name="reference">The container.</param>
    /// <param name="path">The folder.</param>
    /// <param name="archive">tar, plain or packed.</param>
    /// <param name="keepsKinds">Whether a file must not replace a folder, nor a folder a file.</param>
    /// <param name="ownsAsUser">Whether everything shall belong to the container's user, if it has one, instead of what the archive says.</param>
    /// <param name="cancellationToken">Ends it; entries that are there stay.</param>
    /// <exception cref="EngineException">NotFound for container and folder; Internal with docker's words for what is refused.</exception>
    public async Task ExtractAsync(string reference, string path, Stream archive, bool keepsKinds, bool ownsAsUser, CancellationToken cancellationToken)
    {
        Container container = containers.Find(reference);
        using OpenRoot open = await container.OpenRootAsync(reference, cancellationToken);
        ContainerConfig config = container.Record.Config;
        var options = new ExtractOptions
        {
            KeepsKinds = keepsKinds,
            Owner = ownsAsUser && config.User.Length > 0 ? OwnerOf(open.Root, config.User) : null,
            IsRootReadOnly = config.Host.ReadonlyRootfs,
        };
        await open.Use.RunAsync(archive, (watched, ending) => open.Root.ExtractAsync(path, watched, options, ending), cancellationToken);
        services.Events.Publish(container.Record, "extract-to-dir");
    }

    private static (uint Uid, uint Gid) OwnerOf(ContainerRoot root, string user) =>
        AccountLookup.TryResolve(user, root.TryReadText("/etc/passwd"), root.TryReadText("/etc/group"), out (uint Uid, uint Gid) owner, out string error)
            ? owner
            : throw new EngineException(ErrorKind.Internal, error);
}

/// <summary>Sizes of a container in bytes.</summary>
/// <param name="Writable">What it added and changed: docker's SizeRw.</param>
/// <param name="Whole">With the image's layers: docker's SizeRootFs.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ContainerSize(long Writable, long Whole);

/// <summary>A file or folder of a container, held until this is disposed; the container is not removed meanwhile.</summary>
public sealed class ContainerPath : IDisposable
{
    private readonly PinnedPath pinned;
    private readonly OpenRoot root;
    private readonly Action written;

    internal ContainerPath(PinnedPath pinned, OpenRoot root, Action written)
    {
        this.written = written;
        this.pinned = pinned;
        this.root = root;
    }

    /// <summary>What it is.</summary>
    public PathStatus Status => pinned.Status;

    /// <summary>Writes it, with all that it holds, as a tar archive.</summary>
    public async Task WriteAsync(Stream output, CancellationToken cancellationToken)
    {
        await root.Use.RunAsync(output, pinned.WriteAsync, cancellationToken);
        written();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        pinned.Dispose();
        root.Dispose();
    }
}
