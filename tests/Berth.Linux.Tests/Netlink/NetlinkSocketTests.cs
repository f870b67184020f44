using System.Runtime.InteropServices;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

public sealed partial class NetlinkSocketTests
{
    private const int AF_NETLINK = 16;

    [Fact]
    public void RequestsOfSeveralThreadsTakeTurns()
    {
        using var network = new TestNetwork();
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, thread =>
        {
            for (int i = 0; i < 20; i++)
            {
                string name = $"t{thread}";
                int index = Links.Create(network.Route, new BridgeConfig { Name = name });
                Assert.Equal(name, Links.Find(network.Route, index)!.Name);
                Assert.Contains(Links.List(network.Route), link => link.Index == index);
                Assert.Throws<LinuxException>(() => Links.Create(network.Route, new BridgeConfig { Name = name }));
                Links.Delete(network.Route, index);
            }
        });
        Assert.Empty(network.Made());
    }

    // What another process sends to the socket is no answer, however it looks and however large it is.
    [Fact]
    public void OnlyTheKernelIsBelieved()
    {
        using var network = new TestNetwork();
        Assert.Equal(network.Initial, Links.List(network.Route).Select(link => link.Name));
        using FileDescriptor other = Berth.Linux.Namespaces.NetworkNamespace.Run(network.Namespace, () => NetlinkCalls.Open(NetlinkFamily.NETLINK_ROUTE));
        var address = new byte[12];
        MemoryMarshal.Write(address, (ushort)AF_NETLINK);
        MemoryMarshal.Write(address.AsSpan(4), network.Route.PortId);
        foreach (int size in (int[])[36, 60_000])
        {
            for (uint sequence = 0; sequence < 10; sequence++)
            {
                var forged = new byte[size];
                MemoryMarshal.Write(forged, size);
                MemoryMarshal.Write(forged.AsSpan(4), NetlinkType.ERROR);
                MemoryMarshal.Write(forged.AsSpan(8), sequence);
                MemoryMarshal.Write(forged.AsSpan(16), -1);

                // The queue is small: what has no room is not sent.
                if (sendto(other.Number, forged, size, 0x40, address, address.Length) < 0)
                    break;
            }

            Assert.Equal("lo", Links.Find(network.Route, 1)!.Name);
            Assert.Equal(network.Initial, Links.List(network.Route).Select(link => link.Name));
        }
    }

    [Fact]
    public void ASocketThatIsClosedIsToldSo()
    {
        using var network = new TestNetwork();
        NetlinkSocket socket = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, network.Namespace);
        socket.Dispose();
        Assert.Throws<ObjectDisposedException>(() => Links.List(socket));
    }

    [DllImport("libc", SetLastError = true)]
    private static extern nint sendto(int fd, byte[] data, nint length, int flags, byte[] address, int size);
}
