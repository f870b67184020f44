using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>Answers that are one JSON document in each line, sent as they come.</summary>
internal static class JsonLines
{
    /// <summary>Lines that may wait for the client before the work waits too.</summary>
    private const int MostWaiting = 1024;

    /// <summary>Runs <paramref name="work"/>, which gets a way to write lines from any thread, and sends them meanwhile.</summary>
    /// <param name="context">The request; its answer must not have begun.</param>
    /// <param name="type">How a line is written.</param>
    /// <param name="work">Ends when all lines are written.</param>
    /// <param name="describe">Makes the last line of an error, as the status is long out then.</param>
    public static async Task WriteAsync<T>(HttpContext context, JsonTypeInfo<T> type, Func<Action<T>, CancellationToken, Task> work, Func<EngineException, T> describe)
    {
        Channel<T> lines = Channel.CreateBounded<T>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
        context.Response.ContentType = "application/x-ndjson";
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        Task running = Task.Run(() => RunAsync(lines.Writer, work, describe, stop.Token), CancellationToken.None);
        try
        {
            while (await lines.Reader.WaitToReadAsync(context.RequestAborted))
            {
                while (lines.Reader.TryRead(out T? line))
                {
                    await context.Response.BodyWriter.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(line, type), (byte)'\n'], context.RequestAborted);
                }

                await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await running;
    }

    private static async Task RunAsync<T>(ChannelWriter<T> lines, Func<Action<T>, CancellationToken, Task> work, Func<EngineException, T> describe, CancellationToken cancellationToken)
    {
        void Write(T line)
        {
            if (!lines.TryWrite(line))
            {
                lines.WriteAsync(line, cancellationToken).AsTask().GetAwaiter().GetResult();
            }
        }

        try
        {
            await work(Write, cancellationToken);
        }
        catch (EngineException e)
        {
            Write(describe(e));
        }
        finally
        {
            lines.TryComplete();
        }
    }
}
