using Berth.Model;
using Berth.Runtime.Shims;

namespace Berth.Engine.Containers;

/// <summary>Exec sessions.</summary>
public sealed partial class ContainerService
{
    private static readonly TimeSpan LongestExecStart = TimeSpan.FromSeconds(10);

    /// <summary>Adds an exec session to a running container; it waits for <see cref="StartExecAsync"/>.</summary>
    public Task<ExecSession> CreateExecAsync(string reference, ExecRequest request, CancellationToken cancellationToken)
    {
        if (request.Command.Count == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "No exec command specified");
        }

        return directory.Find(reference).CreateExecAsync(reference, request, cancellationToken);
    }

    /// <summary>An exec session until it has ended, and for five minutes more while its container exists.</summary>
    /// <exception cref="EngineException">NotFound.</exception>
    public ExecSession FindExec(string execId) => OwnerOf(execId).FindExec(execId) ?? throw NoExec(execId);

    /// <summary>Tells whether an exec session may be started, without starting it.</summary>
    /// <exception cref="EngineException">NotFound; Conflict when it was started before or its container does not run.</exception>
    public void CheckExecStart(string execId)
    {
        if (FindExec(execId).IsStarted)
        {
            throw new EngineException(ErrorKind.Conflict, $"Error: Exec command {execId} has already run");
        }

        ContainerRecord owner = OwnerOf(execId).Record;
        Lifecycle.CheckExec(owner, owner.Id.ToString());
    }

    /// <summary>Starts an exec session; with <paramref name="streams"/> its output is attached before its first byte.</summary>
    /// <exception cref="EngineException">Conflict when it was started before; InvalidArgument with the reason when the command cannot run.</exception>
    public Task<ShimStream?> StartExecAsync(string execId, AttachStreams? streams, CancellationToken cancellationToken)
    {
        CheckExecStart(execId);
        return OwnerOf(execId).StartExecAsync(FindExec(execId), streams, cancellationToken);
    }

    /// <summary>Sets the size of an exec session's terminal. Clients ask for it while the session is being started: that is waited for, as long as docker's engine does.</summary>
    /// <exception cref="EngineException">NotFound: no such session, or it has ended. Internal, in docker's words: it is not being started.</exception>
    public async Task ResizeExecAsync(string execId, int rows, int columns, CancellationToken cancellationToken)
    {
        ExecSession session = FindExec(execId);
        try
        {
            await session.Ready.WaitAsync(LongestExecStart, services.Clock, cancellationToken);
        }
        catch (TimeoutException e)
        {
            throw new EngineException(ErrorKind.Internal, "timeout waiting for exec session ready", e);
        }

        if (session.ExitCode is not null)
        {
            throw new EngineException(ErrorKind.NotFound, "no such exec");
        }

        await OwnerOf(execId).CallShimAsync(shim => shim.ResizeAsync(execId, rows, columns, cancellationToken));
    }

    /// <summary>Tells that a client let go of an exec session that runs on.</summary>
    public void TellExecDetached(ExecSession session) => Tell(OwnerOf(session.Id).Record, "exec_detach", ("execID", session.Id));

    private Container OwnerOf(string execId) => containerByExec.TryGetValue(execId, out Container? owner) ? owner : throw NoExec(execId);

    private static EngineException NoExec(string execId) => new(ErrorKind.NotFound, $"No such exec instance: {execId}");
}
