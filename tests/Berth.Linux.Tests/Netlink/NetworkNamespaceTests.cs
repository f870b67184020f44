using System.Net;
using System.Net.Sockets;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

public sealed class NetworkNamespaceTests
{
    [Fact]
    public void ANewOneIsEmptyAndTheCallerStaysWhereItIs()
    {
        using FileDescriptor before = NetworkNamespace.OpenOwn(), made = NetworkNamespace.Create(), after = NetworkNamespace.OpenOwn();
        Assert.True(NetworkNamespace.AreSame(before, after));
        Assert.False(NetworkNamespace.AreSame(before, made));
        Assert.Equal(NamespaceFlags.CLONE_NEWNET, NamespaceCalls.TypeOf(made));
        using NetlinkSocket socket = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, made);

        // Some modules of the kernel put a tunnel that is down into each.
        LinkInfo loopback = Assert.Single(Links.List(socket), link => link.IsLoopback);
        Assert.DoesNotContain(Links.List(socket), link => link.IsUp || link.Kind is "veth" or "bridge");
        Assert.Equal(("lo", 1, true, false), (loopback.Name, loopback.Index, loopback.IsLoopback, loopback.IsUp));
    }

    [Fact]
    public void ANewOneIsMadeWithAnActionInside()
    {
        (FileDescriptor made, NetlinkSocket inside) = NetworkNamespace.Create(() => NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE));
        using (made)
        using (inside)
        using (NetlinkSocket same = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, made))
        {
            Links.Create(inside, new BridgeConfig { Name = "br0" });
            Assert.NotNull(Links.Find(same, "br0"));
        }

        Assert.Throws<FormatException>(() => NetworkNamespace.Create<int>(() => throw new FormatException()));
    }

    [Fact]
    public void AnActionRunsInsideAndItsResultsAndErrorsComeBack()
    {
        using FileDescriptor made = NetworkNamespace.Create();
        Assert.True(NetworkNamespace.Run(made, () =>
        {
            using FileDescriptor inside = NetworkNamespace.OpenOwn();
            return NetworkNamespace.AreSame(inside, made);
        }));
        var e = Assert.Throws<InvalidOperationException>(() => NetworkNamespace.Run(made, () => throw new InvalidOperationException("of the action")));
        Assert.Equal("of the action", e.Message);
        using FileDescriptor file = Berth.Linux.Files.Paths.Open("/dev/null", 0);
        Assert.Equal((Errno.EINVAL, "setns"), Thrown(() => NetworkNamespace.Run(file, () => 1)));
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => NetworkNamespace.OpenOf(int.MaxValue)).Errno);

        static (Errno, string) Thrown(Action action)
        {
            var e = Assert.Throws<LinuxException>(action);
            return (e.Errno, e.Call);
        }
    }

    [Fact]
    public void ThatOfAProcessIsItsOwn()
    {
        using FileDescriptor made = NetworkNamespace.Create(), own = NetworkNamespace.OpenOf(Environment.ProcessId);
        using System.Diagnostics.Process process = TestNetwork.Start(made, "sleep", "600");
        try
        {
            for (int i = 0; i < 3000 && !IsInside(process.Id); i++)
                Thread.Sleep(10);
            Assert.True(IsInside(process.Id));
            using FileDescriptor its = NetworkNamespace.OpenOf(process.Id);
            Assert.False(NetworkNamespace.AreSame(own, its));
        }
        finally
        {
            process.Kill();
            process.WaitForExit();
        }

        bool IsInside(int pid)
        {
            using FileDescriptor its = NetworkNamespace.OpenOf(pid);
            return NetworkNamespace.AreSame(made, its);
        }
    }

    [Fact]
    public async Task ASocketStaysInsideWhoeverUsesIt()
    {
        using var network = new TestNetwork();
        using Socket listener = network.Open(SocketType.Stream, new IPEndPoint(IPAddress.Loopback, 53));
        listener.Listen();
        using Socket client = network.Open(SocketType.Stream, new IPEndPoint(IPAddress.Loopback, 0));
        Task<Socket> accepting = Task.Run(() => listener.AcceptAsync());
        await client.ConnectAsync(IPAddress.Loopback, 53);
        using Socket accepted = await accepting;
        Assert.Equal(53, ((IPEndPoint)accepted.LocalEndPoint!).Port);
        Assert.Throws<ArgumentException>(() => NetworkNamespace.OpenSocket(network.Namespace, AddressFamily.AppleTalk, SocketType.Dgram));
    }

    [Fact]
    public void OneWithoutHoldersIsGone()
    {
        using var host = new TestNetwork();
        using (var guest = new TestNetwork())
            host.Connect(guest, "v", "", "eth0", "10.1.0.2/24");

        // The kernel takes namespaces down one after another on a thread of its own, those of other tests too.
        for (int i = 0; i < 3000 && Links.Find(host.Route, "v") is not null; i++)
            Thread.Sleep(20);
        Assert.Null(Links.Find(host.Route, "v"));
    }
}
