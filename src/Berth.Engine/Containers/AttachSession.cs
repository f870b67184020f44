using Berth.Runtime.Shims;

namespace Berth.Engine.Containers;

/// <summary>One client's attachment, registered before it is connected: to a container that does not run yet, it connects at the next start, before the first byte.</summary>
public sealed class AttachSession
{
    private readonly TaskCompletionSource<ShimStream?> stream = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal AttachSession(AttachStreams streams) => Streams = streams;

    /// <summary>The connected stream; null when the start failed or the container was removed first.</summary>
    public Task<ShimStream?> Stream => stream.Task;

    internal AttachStreams Streams { get; }

    internal async Task ConnectAsync(Shim shim, CancellationToken cancellationToken)
    {
        try
        {
            ShimStream connected = await shim.AttachAsync(null, Streams, cancellationToken);
            if (!stream.TrySetResult(connected))
            {
                await connected.DisposeAsync();
            }
        }
        catch
        {
            Cancel();
            throw;
        }
    }

    /// <summary>Ends a session that never connected; one that did is not touched.</summary>
    internal void Cancel() => stream.TrySetResult(null);

    /// <summary>Ends a session whose client is gone, connected or not: a start may have connected it in the same moment.</summary>
    internal async ValueTask EndAsync()
    {
        Cancel();
        if (await stream.Task is { } connected)
        {
            await connected.DisposeAsync();
        }
    }
}
