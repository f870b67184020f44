using System.Globalization;
using Berth.Engine.Containers.Health;
using Berth.Engine.Events;
using Berth.Model;
using Berth.Runtime.Host;
using Berth.Runtime.Shims;
using Berth.Storage;

namespace Berth.Engine.Containers;

/// <summary>Processes added to a running container: users' exec sessions and health probes.</summary>
internal sealed partial class Container
{
    private readonly Lock healthSync = new();
    private HealthMonitor? health;
    private volatile HealthReport? healthReport;

    private HealthOptions? Probe => record.Config.Healthcheck is { HasCommand: true } options ? options : null;

    /// <summary>Adds an exec session to the running container.</summary>
    public async Task<ExecSession> CreateExecAsync(string reference, ExecRequest request, CancellationToken cancellationToken)
    {
        Lifecycle.CheckExec(record, reference);
        var session = new ExecSession(ContainerId.Create().ToString(), record.Id, request);
        await CallShimAsync(running => running.CreateExecAsync(session.Id, request.ToConfig(record.Config, LegacyLinks.Variables(record.Name, links.FindLinked(record, false))), CancellationToken.None));
        FailPoint.Reach(FailPoints.ExecMade);
        links.OwnerByExec[session.Id] = this;
        execs.Add(session);
        services.Events.Publish(record, "exec_create: " + CommandText(session), ("execID", session.Id));
        FailPoint.Reach(FailPoints.ExecMadeTold);
        return session;
    }

    /// <summary>Starts an exec session; with <paramref name="streams"/> its output is attached before its first byte.</summary>
    /// <exception cref="EngineException">Conflict when it was started before; InvalidArgument with the reason when the command cannot run.</exception>
    public async Task<ShimStream?> StartExecAsync(ExecSession session, AttachStreams? streams, CancellationToken cancellationToken)
    {
        // Under the gate: a process that was added while the others are being frozen would freeze before it runs, and the shim, which waits for that, with it.
        await gate.WaitAsync(cancellationToken);
        try
        {
            Lifecycle.CheckExec(record, record.Id.ToString());
            if (!session.TryBegin())
            {
                throw new EngineException(ErrorKind.Conflict, $"Error: Exec command {session.Id} has already run");
            }

            services.Events.Publish(record, "exec_start: " + CommandText(session), ("execID", session.Id));
            FailPoint.Reach(FailPoints.ExecStartTold);
            return await BeginExecAsync(session, streams);
        }
        finally
        {
            gate.Release();
        }
    }

    // Carried through once begun: a client that goes away would open the gate while the shim still starts the process.
    private async Task<ShimStream?> BeginExecAsync(ExecSession session, AttachStreams? streams)
    {
        ShimStream? stream = null;
        try
        {
            await CallShimAsync(async running =>
            {
                stream = streams is { } wanted ? await running.AttachAsync(session.Id, wanted, CancellationToken.None) : null;
                session.Pid = (await running.StartExecAsync(session.Id, CancellationToken.None)).Pid;
                FailPoint.Reach(FailPoints.ExecStarted);
            });
            return stream;
        }
        catch (Exception exception)
        {
            if (stream is not null)
            {
                await stream.DisposeAsync();
            }

            session.HasFailed = true;
            execs.End(session.Id, exception.InnerException is ShimException { StartFailure: StartFailure.CommandNotFound } ? 127 : 126);
            throw;
        }
    }

    /// <summary>An exec session that has not ended, or ended a short time ago (<see cref="ExecTable"/>); null otherwise.</summary>
    public ExecSession? FindExec(string id) => execs.Find(id);

    private void AddFoundExec(ExecState exec)
    {
        links.OwnerByExec[exec.Id] = this;
        execs.Add(ExecSession.Restore(record.Id, exec));
    }

    private void OnExecExited(string execId, ExitStatus status) => execs.End(execId, status.Code);

    private void TellExecEnded(ExecSession session, int code)
    {
        if (session.IsStarted && !session.HasFailed)
        {
            services.Events.Publish(record, "exec_die", ("execID", session.Id), ("exitCode", code.ToString(CultureInfo.InvariantCulture)));
        }
    }

    // The first word and a space, then the others, as docker's engine has it.
    private static string CommandText(ExecSession session) => session.Request.Command[0] + " " + string.Join(' ', session.Request.Command.Skip(1));

    // A run begins to be probed, where it is to be; also anew after a pause.
    private void StartHealth()
    {
        lock (healthSync)
        {
            if (Probe is { } options && health is null && !isDisposed && record.State is { Status: ContainerStatus.Running, StartedAt: { } startedAt })
            {
                health = new HealthMonitor(
                    options, startedAt, services.Clock, cancellationToken => ProbeAsync(options, cancellationToken), () => healthReport ?? new HealthReport(), OnProbed);
            }
        }
    }

    private async Task StopHealthAsync()
    {
        HealthMonitor? stopped;
        lock (healthSync)
        {
            stopped = health;
            health = null;
            stopped?.Stop();
        }

        if (stopped is not null)
        {
            await stopped.DisposeAsync();
        }
    }

    private void OnProbed(HealthReport next)
    {
        bool isNews = healthReport?.Status != next.Status;
        FailPoint.Reach(FailPoints.HealthProbed);
        KeepHealth(next);
        FailPoint.Reach(FailPoints.HealthKept);
        if (isNews)
        {
            services.Events.Publish(record, "health_status: " + next.Status);
        }
    }

    private void KeepHealth(HealthReport next)
    {
        healthReport = next;
        try
        {
            HealthFile.Write(Folder, next);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            EngineLog.HealthNotKept(services.Logger, exception, record.Id.Short);
        }
    }

    private async Task<HealthResult> ProbeAsync(HealthOptions options, CancellationToken cancellationToken)
    {
        DateTimeOffset start = services.Clock.GetUtcNow();
        try
        {
            var request = new ExecRequest { Command = options.Command(record.Config.Shell), AttachStdout = true, AttachStderr = true };
            ExecSession session = await CreateExecAsync(record.Id.ToString(), request, cancellationToken);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            ShimStream? stream = await StartExecAsync(session, AttachStreams.Stdout | AttachStreams.Stderr, cancellationToken);
            await using (stream)
            {
                limit.CancelAfter(options.TimeoutTime);
                try
                {
                    string output = stream is null ? "" : await ProbeOutput.ReadAsync(stream.Stream, limit.Token);
                    int code = await session.Exited.WaitAsync(limit.Token);
                    return new HealthResult(start, services.Clock.GetUtcNow(), code, output);
                }
                catch (OperationCanceledException)
                {
                    await KillProbeAsync(session);
                    cancellationToken.ThrowIfCancellationRequested();
                    return new HealthResult(start, services.Clock.GetUtcNow(), -1, $"Health check exceeded timeout ({GoTime.Format(options.TimeoutTime)})");
                }
            }
        }
        catch (Exception exception) when (exception is EngineException or IOException or System.Net.Sockets.SocketException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return new HealthResult(start, services.Clock.GetUtcNow(), -1, exception.Message);
        }
    }

    private async Task KillProbeAsync(ExecSession session)
    {
        try
        {
            await (shim?.KillAsync(session.Id, Signals.SIGKILL, CancellationToken.None) ?? Task.CompletedTask);
        }
        catch (ShimException)
        {
            // It ended in this moment, or the container did.
        }
    }
}
