using Berth.Daemon.Http;
using Berth.Engine.Containers;
using Berth.Runtime.Shims;
using ContainerConfig = Berth.Engine.Containers.ContainerConfig;

namespace Berth.Daemon.Endpoints;

/// <summary>What a client that attaches to a container asks for, whatever way its bytes come and go.</summary>
internal sealed class Attachment
{
    private readonly HttpContext context;
    private readonly ContainerInfo info;
    private readonly ContainerService containers;
    private readonly AttachStreams streams;
    private readonly Detaching? detach;

    /// <param name="context">The request, with <c>logs</c>, <c>stream</c> and <c>detachKeys</c>.</param>
    /// <param name="info">The container.</param>
    /// <param name="wanted">The streams; input counts where the container's is open.</param>
    /// <param name="containers">Where the container is attached to.</param>
    /// <exception cref="Berth.Model.EngineException">InvalidArgument: the keys are none.</exception>
    public Attachment(HttpContext context, ContainerInfo info, AttachStreams wanted, ContainerService containers)
    {
        this.context = context;
        this.info = info;
        this.containers = containers;
        streams = Config.OpenStdin ? wanted : wanted & ~AttachStreams.Stdin;
        DetachKeys keys = DetachKeys.Parse(context.GetText("detachKeys"));
        detach = IsTerminal && TakesInput ? new Detaching(keys, () => containers.Tell(info.Record, "detach")) : null;
    }

    /// <summary>Whether the container has a terminal, whose output is not framed.</summary>
    public bool IsTerminal => Config.Tty;

    private ContainerConfig Config => info.Record.Config;

    private string Id => info.Record.Id.ToString();

    private bool TakesInput => streams.HasFlag(AttachStreams.Stdin);

    /// <summary>Registers it, so that nothing of what the container writes from now on is missed; null when no stream is wanted. <see cref="EndAsync"/> is to follow.</summary>
    /// <exception cref="Berth.Model.EngineException">Conflict: the container cannot be attached to now.</exception>
    public async Task<AttachSession?> BeginAsync() =>
        context.GetBoolean("stream") && streams != AttachStreams.None ? await containers.AttachAsync(Id, streams, context.RequestAborted) : null;

    /// <summary>Sends what the container has written so far, where that is wanted.</summary>
    public Task CopyLogsAsync(IAttachedClient client, CancellationToken cancellationToken) => context.GetBoolean("logs")
        ? LogStreaming.CopyAsync(containers.OpenLog(Id), LogStreaming.AttachQuery(streams), hasTimestamps: false, client.WriteAsync, cancellationToken)
        : Task.CompletedTask;

    /// <summary>Copies in both directions until one side has ended; null is a container that did not start.</summary>
    public async Task CopyAsync(IAttachedClient client, ShimStream? stream, CancellationToken cancellationToken)
    {
        if (stream is not null)
        {
            await using (stream)
            {
                await StreamPump.RunAsync(client, stream, TakesInput, TakesInput && !Config.StdinOnce, detach, cancellationToken);
            }
        }
    }

    /// <summary>Ends what <see cref="BeginAsync"/> began, connected or not.</summary>
    public async Task EndAsync(AttachSession? session)
    {
        if (session is not null)
        {
            await containers.DetachAsync(Id, session);
        }
    }
}
