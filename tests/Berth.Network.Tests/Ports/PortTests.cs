using System.Net;
using System.Net.Sockets;
using Berth.Network.Drivers;

namespace Berth.Network.Tests.Ports;

/// <summary>What tests of ports need.</summary>
internal static class PortTests
{
    private static int next = 20000 + Random.Shared.Next(8000);

    /// <summary>The first of some neighbouring ports that nobody has, below those that the kernel gives away.</summary>
    public static ushort Free(int count = 1)
    {
        while (true)
        {
            int first = Interlocked.Add(ref next, count) - count;
            if (Enumerable.Range(first, count).All(static port => IsFree(port, PortProtocol.Tcp) && IsFree(port, PortProtocol.Udp)))
            {
                return (ushort)first;
            }
        }
    }

    /// <summary>Another program's socket.</summary>
    public static Socket Listen(IPAddress address, PortProtocol protocol, out ushort port, ushort wanted = 0)
    {
        var socket = protocol == PortProtocol.Tcp
            ? new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
            : new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
            {
                socket.DualMode = false;
            }

            socket.Bind(new IPEndPoint(address, wanted));
            if (protocol == PortProtocol.Tcp)
            {
                socket.Listen();
            }

            port = (ushort)((IPEndPoint)socket.LocalEndPoint!).Port; // bound above
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static bool IsFree(int port, PortProtocol protocol)
    {
        try
        {
            Listen(IPAddress.Any, protocol, out _, (ushort)port).Dispose();
            Listen(IPAddress.IPv6Any, protocol, out _, (ushort)port).Dispose();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
