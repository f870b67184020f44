namespace Berth.Daemon;

/// <summary>What the daemon tells its operator.</summary>
internal static partial class DaemonLog
{
    [LoggerMessage(1, LogLevel.Information, "API listen on {Addresses}")]
    public static partial void Listening(ILogger logger, string addresses);
}
