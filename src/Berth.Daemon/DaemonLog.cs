namespace Berth.Daemon;

/// <summary>What the daemon tells its operator.</summary>
internal static partial class DaemonLog
{
    [LoggerMessage(1, LogLevel.Information, "API listen on {Addresses}")]
    public static partial void Listening(ILogger logger, string addresses);

    [LoggerMessage(3, LogLevel.Warning, "networks: {What}")]
    public static partial void Network(ILogger logger, string what);

    [LoggerMessage(4, LogLevel.Error, "image {Image}: its configuration is lost or damaged; pull or load it again (\"berth system fsck\" tells what else is broken)")]
    public static partial void ConfigLost(ILogger logger, string image);

    [LoggerMessage(2, LogLevel.Warning, "the API is served on {Address} without TLS: whoever reaches it is root on this machine; listen on a loopback address or a unix socket instead")]
    public static partial void Unprotected(ILogger logger, string address);
}
