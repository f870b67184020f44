using System.Buffers;
using System.Net.Sockets;
using Berth.Runtime.Shims;

namespace Berth.Daemon.Http;

/// <summary>Copies between a client and a container's streams until the container's side ends or the client is gone.</summary>
internal static class StreamPump
{
    private const int BufferSize = 256 << 10;

    /// <param name="client">The client's connection.</param>
    /// <param name="stream">The container's side.</param>
    /// <param name="takesInput">Whether what the client sends is the process' stdin; otherwise it is read and dropped, to notice the end.</param>
    /// <param name="endsWithInput">Whether the end of the client's input is the end of its attachment; otherwise it is the end of stdin alone.</param>
    /// <param name="detach">What ends the attachment from the client's side, or null.</param>
    /// <param name="cancellationToken">The client's or the daemon's end.</param>
    /// <returns>Whether the container's side ended; false when the client went away or detached.</returns>
    public static async Task<bool> RunAsync(IAttachedClient client, ShimStream stream, bool takesInput, bool endsWithInput, Detaching? detach, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task input = PumpInputAsync(client, stream, takesInput, endsWithInput, detach, stop.Token);
        Task output = PumpOutputAsync(client, stream, stop.Token);

        // Input ends early in two ways: half-closed, then output goes on; detached or broken, then it is over.
        if (await Task.WhenAny(input, output) == input && !input.IsCompletedSuccessfully)
        {
            await stop.CancelAsync();
        }

        await output.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await stop.CancelAsync();
        await input.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return output.IsCompletedSuccessfully;
    }

    private static async Task PumpInputAsync(IAttachedClient client, ShimStream stream, bool takesInput, bool endsWithInput, Detaching? detach, CancellationToken cancellationToken)
    {
        while (true)
        {
            byte[] bytes = await client.ReadAsync(cancellationToken);
            if (bytes.Length == 0)
            {
                if (endsWithInput)
                {
                    throw new OperationCanceledException("the client's input ended, and its attachment with it");
                }

                stream.CloseInput();
                if (client.HasLeft)
                {
                    throw new OperationCanceledException("the client took its leave");
                }

                return;
            }

            if (!takesInput)
            {
                continue;
            }

            bool isDetached = false;
            ReadOnlyMemory<byte> passed = detach is null ? bytes : detach.Keys.Filter(bytes, out isDetached);
            try
            {
                await stream.Stream.WriteAsync(passed, cancellationToken);
            }
            catch (IOException)
            {
                return; // the process takes no more input; its output ends by itself
            }

            if (isDetached)
            {
                detach?.Told();
                throw new OperationCanceledException("the client detached");
            }
        }
    }

    private static async Task PumpOutputAsync(IAttachedClient client, ShimStream stream, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            for (int read; (read = await stream.Stream.ReadAsync(buffer, cancellationToken)) > 0;)
            {
                await client.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}

/// <summary>A client's way to let go of a process that runs on.</summary>
/// <param name="Keys">Finds the keys in its input.</param>
/// <param name="Told">Called when it has done so.</param>
internal sealed record Detaching(DetachKeys Keys, Action Told);
