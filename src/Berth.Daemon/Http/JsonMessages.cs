using System.Text.Json;
using System.Threading.Channels;
using Berth.Api;
using Berth.Model;

namespace Berth.Daemon.Http;

/// <summary>Answers in docker's stream of messages, one JSON document in each line.</summary>
internal static class JsonMessages
{
    private const int MostWaiting = 1024;

    /// <summary>
    /// Runs <paramref name="work"/>, which gets a way to write messages from any thread, and sends them meanwhile. An error before the first message is thrown, as its status can still be told; one
    /// after it is the last message.
    /// </summary>
    public static async Task StreamAsync(HttpContext context, Func<Action<JsonMessage>, CancellationToken, Task> work)
    {
        Channel<JsonMessage> lines = Channel.CreateBounded<JsonMessage>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        void Write(JsonMessage line)
        {
            if (!lines.Writer.TryWrite(line))
            {
                lines.Writer.WriteAsync(line, stop.Token).AsTask().GetAwaiter().GetResult();
            }
        }

        Task working = Task.Run(() => work(Write, stop.Token), CancellationToken.None);
        _ = working.ContinueWith(_ => lines.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        bool hasLines = false;
        try
        {
            while (await lines.Reader.WaitToReadAsync(context.RequestAborted))
            {
                if (!hasLines)
                {
                    context.Response.ContentType = "application/json";
                    hasLines = true;
                }

                while (lines.Reader.TryRead(out JsonMessage? line))
                {
                    await WriteAsync(context, line);
                }

                await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
            }

            await working;
        }
        catch (Exception exception) when (hasLines && exception is not OperationCanceledException && !context.RequestAborted.IsCancellationRequested)
        {
            await WriteAsync(context, new JsonMessage { ErrorDetail = new JsonErrorDetail { Message = exception.Message }, Error = exception.Message });
        }
        finally
        {
            await stop.CancelAsync();
            await working.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task WriteAsync(HttpContext context, JsonMessage message)
    {
        byte[] line = JsonSerializer.SerializeToUtf8Bytes(message, ApiJson.Context.JsonMessage);
        await context.Response.BodyWriter.WriteAsync((byte[])[.. line, (byte)'\r', (byte)'\n'], context.RequestAborted);
    }
}
