using Berth.Api;
using Berth.Model;
using Microsoft.AspNetCore.Http.Features;

namespace Berth.Daemon.Http;

/// <summary>What happens around every endpoint: the version is taken off the path, common headers are set, exceptions become answers.</summary>
internal static partial class ApiPipeline
{
    private const int NoSpace = 28; // ENOSPC, which the framework gives as it is; docker's words for it are the kernel's
    private static readonly object VersionKey = new();

    /// <summary>The API version the request speaks.</summary>
    public static ApiVersion GetApiVersion(this HttpContext context) => (ApiVersion)context.Items[VersionKey]!;

    public static async Task InvokeAsync(HttpContext context, RequestDelegate next, ILogger logger)
    {
        IHeaderDictionary headers = context.Response.Headers;
        headers["Api-Version"] = ApiVersion.Current.ToString();
        headers["Docker-Experimental"] = "false";
        headers["Ostype"] = "linux";
        headers.Server = ServerHeader;
        try
        {
            OriginCheck.Check(context);
            string path = context.Request.Path.Value ?? "/";
            context.Items[VersionKey] = ApiVersion.Take(ref path);
            context.Request.Path = path;
            await next(context);
            if (context.Response is { StatusCode: 404 or 405, HasStarted: false, ContentLength: null, ContentType: null })
            {
                await WriteErrorAsync(context, ErrorFor(context));
            }
        }
        catch (EngineException exception)
        {
            await WriteErrorAsync(context, exception);
        }
        catch (BadHttpRequestException exception)
        {
            await WriteErrorAsync(context, new EngineException(exception.StatusCode == 413 ? ErrorKind.TooLarge : ErrorKind.InvalidArgument, exception.Message, exception));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested || context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested)
        {
            // The client is gone; there is nobody to answer.
        }
        catch (IOException exception) when (exception.HResult == NoSpace)
        {
            await WriteErrorAsync(context, new EngineException(ErrorKind.Internal, exception.Message.Replace("No space left on device", "no space left on device", StringComparison.Ordinal), exception));
        }
        catch (Exception exception)
        {
            RequestFailed(logger, exception, context.Request.Method, context.Request.Path);
            await WriteErrorAsync(context, new EngineException(ErrorKind.Internal, exception.Message, exception));
        }
    }

    private static string ServerHeader { get; } = $"Berth/{ProductVersion.Text} (linux)";

    // Commands on things of the API that this build lacks are told apart from paths that are no API at all; a question after one is just not found.
    private static EngineException ErrorFor(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/";
        string noun = path.Split('/', 3) is [_, var first, ..] ? first : "";
        bool isCommand = !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method);
        bool isKnown = noun is "containers" or "exec" or "images" or "build" or "networks" or "volumes" or "auth" or "commit" or "events" or "system"
            or "plugins" or "swarm" or "nodes" or "services" or "tasks" or "secrets" or "configs" or "distribution" or "session" or "grpc";
        return isKnown && (isCommand || noun is "events" or "system" or "distribution")
            ? new EngineException(ErrorKind.NotImplemented, $"{context.Request.Method} {path} is not supported yet")
            : new EngineException(ErrorKind.NotFound, "page not found");
    }

    private static async Task WriteErrorAsync(HttpContext context, EngineException exception)
    {
        if (context.Response.HasStarted)
        {
            context.Abort(); // the status is out: a cut connection is the only way left to say that it failed
            return;
        }

        context.Response.StatusCode = ErrorStatus.FromKind(exception.Kind);
        if (exception.Kind == ErrorKind.NotModified)
        {
            return;
        }

        if (HttpMethods.IsHead(context.Request.Method))
            return; // a body here would be taken for the next answer on the connection

        await JsonBody.WriteAsync(context, new ErrorResponse { Message = exception.Message }, ApiJson.Context.ErrorResponse);
    }

    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed")]
    private static partial void RequestFailed(ILogger logger, Exception exception, string method, string path);
}
