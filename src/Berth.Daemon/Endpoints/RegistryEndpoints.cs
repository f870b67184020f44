using System.Text.Json;
using System.Threading.Channels;
using Berth.Api;
using Berth.Daemon.Http;
using Berth.Daemon.Mapping;
using Berth.Engine.Registries;
using Berth.Model;

namespace Berth.Daemon.Endpoints;

/// <summary>What reaches registries: <c>/images/create?fromImage</c>, <c>/images/{name}/push</c>, <c>/images/search</c>, <c>/distribution/{name}/json</c>, <c>/auth</c>.</summary>
internal sealed class RegistryEndpoints(RegistryService registries)
{
    private const int DefaultHits = 25;
    private const int MaxHits = 100;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/auth", (RequestDelegate)LoginAsync);
        routes.MapGet("/images/search", (RequestDelegate)SearchAsync);
        routes.MapGet("/distribution/{**rest}", (RequestDelegate)InspectAsync);
    }

    /// <summary><c>POST /images/create?fromImage=</c>.</summary>
    public Task PullAsync(HttpContext context)
    {
        ImageReference name = ParseName(context.GetText("fromImage") ?? "", context.GetText("tag"));
        Platform? platform = ImageQuery.GetPlatform(context);
        var credential = RegistryMapping.ReadCredential(context);
        return StreamAsync(context, (report, cancellationToken) => registries.PullAsync(name, platform, credential, report, cancellationToken));
    }

    /// <summary><c>POST /images/{name}/push</c>.</summary>
    public Task PushAsync(HttpContext context, string name)
    {
        var credential = RegistryMapping.RequireCredential(context);
        ImageReference reference = ImageReference.Parse(name);
        string? tag = context.GetText("tag");
        reference = string.IsNullOrEmpty(tag) ? reference : reference.WithTag(tag);
        Platform? platform = ImageQuery.GetPlatform(context);
        return StreamAsync(context, (report, cancellationToken) => registries.PushAsync(reference, platform, credential, report, cancellationToken));
    }

    // The tag may be a digest, and then stands in the place of one in the name.
    private static ImageReference ParseName(string image, string? tag)
    {
        ImageReference name = ImageReference.Parse(image);
        if (string.IsNullOrEmpty(tag))
        {
            return name;
        }

        return tag.Contains(':', StringComparison.Ordinal) ? ImageReference.Parse($"{name.Repository}@{Digest.Parse(tag)}") : name.Digest.IsEmpty ? name.WithTag(tag) : name;
    }

    // An error before the first line has a status of its own; one after it is a line.
    private static async Task StreamAsync(HttpContext context, Func<Action<TransferMessage>, CancellationToken, Task> work)
    {
        Channel<TransferMessage> lines = Channel.CreateUnbounded<TransferMessage>(new UnboundedChannelOptions { SingleReader = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        Task working = Task.Run(() => work(line => lines.Writer.TryWrite(line), stop.Token), CancellationToken.None);
        _ = working.ContinueWith(_ => lines.Writer.TryComplete(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        bool hasLines = false;
        try
        {
            await foreach (TransferMessage line in lines.Reader.ReadAllAsync(context.RequestAborted))
            {
                // A pull's first line comes before it has reached the registry: it waits for the second.
                if (!hasLines && line.Status.StartsWith("Pulling from", StringComparison.Ordinal) && !await lines.Reader.WaitToReadAsync(context.RequestAborted) && working.IsFaulted)
                {
                    break;
                }

                if (!hasLines)
                {
                    context.Response.ContentType = "application/json";
                    hasLines = true;
                }

                await WriteAsync(context, RegistryMapping.ToMessage(line));
            }

            await working;
        }
        catch (Exception exception) when (hasLines && exception is not OperationCanceledException && !context.RequestAborted.IsCancellationRequested)
        {
            await WriteAsync(context, new JsonMessage { ErrorDetail = new JsonErrorDetail { Message = exception.Message }, Error = exception.Message });
        }
        catch (EngineException exception) when (exception.Kind == ErrorKind.Unauthorized)
        {
            // As dockerd answers: with 401, which is for logins, docker's CLI would ask for a password here and now.
            throw new EngineException(ErrorKind.Internal, exception.Message, exception);
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

    private async Task LoginAsync(HttpContext context)
    {
        RegistryAuth auth = await JsonBody.ReadAsync(context, ApiJson.Context.RegistryAuth);
        string token = await registries.LoginAsync(RegistryMapping.ToDomain(auth.ServerAddress), RegistryMapping.ToCredential(auth), context.RequestAborted);
        await JsonBody.WriteAsync(context, new AuthResponse { Status = "Login Succeeded", IdentityToken = token }, ApiJson.Context.AuthResponse);
    }

    private async Task SearchAsync(HttpContext context)
    {
        int limit = context.GetText("limit") is { Length: > 0 } text
            ? int.TryParse(text, out int number) && number is >= 0 and <= MaxHits
                ? number
                : throw new EngineException(ErrorKind.InvalidArgument, $"limit {text} is outside the range of [1, {MaxHits}]")
            : DefaultHits;
        var filter = SearchFilter.Read(context.GetFilters(SearchFilter.Built));
        var hits = await registries.SearchAsync(context.GetText("term") ?? "", limit == 0 ? DefaultHits : limit, RegistryMapping.ReadCredential(context), context.RequestAborted);
        await JsonBody.WriteAsync(context, [.. hits.Select(RegistryMapping.ToHit).Where(filter.Fits)], ApiJson.Context.ListImageSearchHit);
    }

    private async Task InspectAsync(HttpContext context)
    {
        if (!ImageQuery.TryTake(context, "/json", out string name))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        (var document, var platforms) = await registries.InspectAsync(ImageReference.Parse(name).WithDefaultTag(), RegistryMapping.ReadCredential(context), context.RequestAborted);
        await JsonBody.WriteAsync(context, RegistryMapping.ToInspect(document, platforms), ApiJson.Context.DistributionInspect);
    }
}
