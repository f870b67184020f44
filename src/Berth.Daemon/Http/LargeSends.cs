using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Berth.Daemon.Http;

/// <summary>
/// Lets a local connection hold half a MiB (or what net.core.wmem_max allows) that its client has not read: with the kernel's usual 208 KiB a download changes
/// between sender and reader twice as often.
/// </summary>
internal static class LargeSends
{
    private const int SendBuffer = 512 << 10;

    /// <summary>For every connection of a listener.</summary>
    public static ConnectionDelegate Use(ConnectionDelegate next) => connection =>
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
        {
            socket.SendBufferSize = SendBuffer;
        }

        return next(connection);
    };
}
