using Berth.Engine.Containers.Mounts;
using Berth.Model;
using Berth.Storage.Files;

namespace Berth.Engine.Containers;

/// <content>Access to the container's files from outside.</content>
internal sealed partial class Container
{
    private readonly FileUses fileUses;

    /// <summary>Keeps the container from being removed, and from being started if it does not run, until the result is disposed.</summary>
    /// <param name="isClients">As of <see cref="FileUses.Begin"/>.</param>
    /// <param name="cancellationToken">Ends the wait for what the container is doing.</param>
    /// <exception cref="EngineException">NotFound when it is gone.</exception>
    public async Task<FileUse> UseFilesAsync(bool isClients, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            return fileUses.Begin(isClients);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Opens the root file system: of a running container as its processes see it, otherwise as they would. The use ends with the result.</summary>
    /// <param name="shown">The container as the client called it, for messages.</param>
    /// <param name="cancellationToken">Ends the wait for what the container is doing.</param>
    /// <exception cref="EngineException">NotFound when the container is gone; Internal when its root cannot be mounted.</exception>
    public async Task<OpenRoot> OpenRootAsync(string shown, CancellationToken cancellationToken)
    {
        // Under the gate, so that it is known for sure whether it runs; a process that ends meanwhile leaves its root until the gate is free again.
        await gate.WaitAsync(cancellationToken);
        try
        {
            ThrowIfGone();
            if (record.State.Pid > 0)
            {
                try
                {
                    return new OpenRoot(ContainerRoot.OfProcess(record.State.Pid, SpecBuilder.CgroupPath(record.Id), BindList.Places(record.Config.Host), shown), fileUses.Begin(isClients: true));
                }
                catch (EngineException exception) when (exception.Kind == ErrorKind.Conflict)
                {
                    // It has just ended; nothing can start it before the use that begins below ends.
                }
            }

            return new OpenRoot(ContainerRoot.OfSnapshot(services.Root, services.Snapshots, record.Id, record.ChainIds, BindList.Prepare(record.Config.Host), shown), fileUses.Begin(isClients: true));
        }
        finally
        {
            gate.Release();
        }
    }
}

/// <summary>A root file system with the use that keeps it in place.</summary>
internal sealed class OpenRoot(ContainerRoot root, FileUse use) : IDisposable
{
    public ContainerRoot Root => root;

    public FileUse Use => use;

    public void Dispose()
    {
        root.Dispose();
        use.Dispose();
    }
}
