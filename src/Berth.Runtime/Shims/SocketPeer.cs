using System.Net.Sockets;
using Berth.Linux.Sockets;

namespace Berth.Runtime.Shims;

/// <summary>What is known of the other end of a unix socket.</summary>
public static class SocketPeer
{
    /// <summary>Whether it has read everything that was sent; true for a socket that is closed here.</summary>
    /// <exception cref="Linux.LinuxException">It is no socket that can tell.</exception>
    public static bool HasReadAll(Socket socket)
    {
        bool isHeld = false;
        try
        {
            socket.SafeHandle.DangerousAddRef(ref isHeld);
            return UnixSocket.IsDrained((int)socket.SafeHandle.DangerousGetHandle());
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
        finally
        {
            if (isHeld)
            {
                socket.SafeHandle.DangerousRelease();
            }
        }
    }
}
