using Microsoft.Extensions.Logging;

namespace Berth.Engine;

/// <summary>What the engine tells its operator.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1, LogLevel.Error, "container {Container}: its end could not be recorded; it will be looked at again at the next start")]
    public static partial void ContainerWatchFailed(ILogger logger, Exception exception, string container);

    [LoggerMessage(2, LogLevel.Warning, "container {Container}: its folders could not be deleted; they will be at the next start")]
    public static partial void LeftoverKept(ILogger logger, Exception exception, string container);

    [LoggerMessage(3, LogLevel.Error, "container {Container}: could not be restored")]
    public static partial void RestoreFailed(ILogger logger, Exception exception, string container);

    [LoggerMessage(5, LogLevel.Error, "container {Container}: its new state could not be recorded")]
    public static partial void StateNotRecorded(ILogger logger, Exception exception, string container);

    [LoggerMessage(6, LogLevel.Warning, "container {Container}: an attachment could not be connected")]
    public static partial void AttachmentLost(ILogger logger, Exception exception, string container);

    [LoggerMessage(7, LogLevel.Warning, "events cannot be written: those that happen now will be missing in the past that clients ask for")]
    public static partial void EventNotKept(ILogger logger, Exception exception);

    [LoggerMessage(8, LogLevel.Warning, "container {Container}: it could not be started again as its restart policy wants")]
    public static partial void RestartFailed(ILogger logger, Exception exception, string container);

    [LoggerMessage(9, LogLevel.Warning, "container {Container}: what its health probe found could not be written")]
    public static partial void HealthNotKept(ILogger logger, Exception exception, string container);

    [LoggerMessage(10, LogLevel.Warning, "container {Container}: its processes do not end; they are killed again until they do")]
    public static partial void ProcessesStay(ILogger logger, Exception exception, string container);

    [LoggerMessage(11, LogLevel.Warning, "container {Container}: its shim does not answer, and its processes stand still: they are let go on until it does")]
    public static partial void ShimSilent(ILogger logger, string container);

    [LoggerMessage(12, LogLevel.Warning, "container {Container}: it could not be pruned")]
    public static partial void NotPruned(ILogger logger, Exception exception, string container);

    [LoggerMessage(13, LogLevel.Warning, "what an interrupted operation left behind could not be removed; it will be at the next start: {What}")]
    public static partial void LeftoverStays(ILogger logger, Exception exception, string what);

    [LoggerMessage(14, LogLevel.Error, "container {Container}: its shim does not answer, and the daemon goes on without it; the container is looked at as soon as it does, or ends")]
    public static partial void ShimUnanswering(ILogger logger, string container);

    [LoggerMessage(16, LogLevel.Warning, "container {Container}: its shim did not answer, and was killed after the container's processes")]
    public static partial void ShimKilled(ILogger logger, string container);

    [LoggerMessage(15, LogLevel.Warning, "container {Container}: it was let go on for its shim's sake and could not be paused again: it runs")]
    public static partial void NotFrozenAgain(ILogger logger, Exception exception, string container);

    [LoggerMessage(17, LogLevel.Warning, "container {Container}: names are not answered in its networks until it is started again")]
    public static partial void NamesNotServed(ILogger logger, Exception exception, string container);

    [LoggerMessage(18, LogLevel.Warning, "container {Container}: {Problem}; the kernel goes on sending its packets to the container")]
    public static partial void PortLost(ILogger logger, string container, string problem);

    [LoggerMessage(19, LogLevel.Warning, "endpoint {Endpoint}: the kernel did not let go of it; it is removed at the daemon's next start")]
    public static partial void EndpointStays(ILogger logger, Exception exception, string endpoint);

    [LoggerMessage(71, LogLevel.Warning, "endpoint {Endpoint} of network {Network}: the plugin was not told of its end, or failed; what it has of it stays with it")]
    public static partial void PluginKeepsEndpoint(ILogger logger, Exception exception, string endpoint, string network);

    [LoggerMessage(73, LogLevel.Warning, "container {Container}: the plugin that has its way out now does not publish its ports; connect it anew, or start it anew")]
    public static partial void WayOutNotFollowed(ILogger logger, Exception exception, string container);

    [LoggerMessage(72, LogLevel.Warning, "network {Network}: the plugin was not told of its end, or failed; what it has of it stays with it")]
    public static partial void PluginKeepsNetwork(ILogger logger, Exception exception, string network);

    [LoggerMessage(20, LogLevel.Error, "network {Network}: it could not be brought into the state of its record; containers cannot be started in it")]
    public static partial void NetworkNotRestored(ILogger logger, Exception exception, string network);

    [LoggerMessage(21, LogLevel.Warning, "container {Container}: its hosts or resolv.conf could not be changed")]
    public static partial void HostsNotChanged(ILogger logger, Exception exception, string container);

    [LoggerMessage(4, LogLevel.Information, "removed what an interrupted operation left behind: {Path}")]
    public static partial void LeftoverRemoved(ILogger logger, string path);

    [LoggerMessage(23, LogLevel.Information, "image {Image} was removed to keep the storage budget")]
    public static partial void ImageEvicted(ILogger logger, string image);

    [LoggerMessage(24, LogLevel.Warning, "the storage budget is exceeded, and nothing more can be removed: {Bytes} bytes of {Limit}")]
    public static partial void BudgetExceeded(ILogger logger, long bytes, long limit);

    [LoggerMessage(22, LogLevel.Warning, "container {Container}: it does not reach a container it is linked to by that one's new address until it is started again")]
    public static partial void LinkNotFollowed(ILogger logger, Exception exception, string container);
}
