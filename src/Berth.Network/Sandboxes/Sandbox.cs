using System.Net;
using System.Net.Sockets;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Network.Dns;
using Berth.Network.Drivers;
using Berth.Network.Files;

namespace Berth.Network.Sandboxes;

/// <summary>
/// A container's network namespace, held by a descriptor and by nothing else: it ends with the last of this, its processes and its sockets.
/// Safe for concurrent use until it is disposed.
/// </summary>
public sealed class Sandbox : IDisposable
{
    private static readonly IPAddress ResolverAddress = IPAddress.Parse(ContainerResolvConf.ResolverAddress);

    private Sandbox(FileDescriptor networkNamespace) => Namespace = networkNamespace;

    /// <summary>The namespace itself.</summary>
    internal FileDescriptor Namespace { get; }

    /// <summary>A path by which other processes of the host open it while this is not disposed.</summary>
    public string Path => $"/proc/{Environment.ProcessId}/fd/{Namespace.Number}";

    /// <summary>A new one, with a loopback device and nothing else.</summary>
    /// <exception cref="Berth.Model.EngineException">The kernel made none.</exception>
    public static Sandbox Create() => new(HostNetwork.CreateSandbox());

    /// <summary>That of a process that runs.</summary>
    /// <exception cref="LinuxException">There is no such process any more.</exception>
    public static Sandbox Of(int pid) => new(NetworkNamespace.OpenOf(pid));

    /// <summary>Puts the container into a network (<see cref="HostNetwork.Connect"/>).</summary>
    public void Connect(HostNetwork kernel, EndpointPlan endpoint) => kernel.Connect(endpoint, Namespace);

    /// <summary>Takes up a container that runs since before this daemon did (<see cref="HostNetwork.Adopt"/>).</summary>
    public void Adopt(HostNetwork kernel, IReadOnlyList<EndpointPlan> endpoints) => kernel.Adopt(endpoints, Namespace);

    /// <summary>Takes the container out of a network (<see cref="HostNetwork.Disconnect"/>).</summary>
    public void Disconnect(HostNetwork kernel, EndpointPlan endpoint) => kernel.Disconnect(endpoint, Namespace);

    /// <summary>Follows a change of the way out (<see cref="HostNetwork.Reroute"/>).</summary>
    public void Reroute(HostNetwork kernel, EndpointPlan endpoint) => kernel.Reroute(endpoint, Namespace);

    /// <summary>
    /// Has the names in <paramref name="scope"/> answered at 127.0.0.11, port 53, of this namespace. The sockets are at ports that the kernel chose, and what is sent to port 53 is
    /// sent on to them by a table of the namespace's own (<c>ip berth_names</c>), so that the container's programs can have port 53 of every address for themselves, and
    /// a resolver of a daemon before this one is replaced.
    /// </summary>
    /// <exception cref="LinuxException">The kernel refused a socket or the rules.</exception>
    /// <exception cref="SocketException">An address could not be bound.</exception>
    public DnsListener ServeNames(DnsServer server, NameScope scope)
    {
        (FileDescriptor udp, FileDescriptor tcp, NetlinkSocket netfilter) = NetworkNamespace.Run(Namespace, static () => (
            NetworkNamespace.OpenSocket(AddressFamily.InterNetwork, SocketType.Dgram),
            NetworkNamespace.OpenSocket(AddressFamily.InterNetwork, SocketType.Stream),
            NetlinkSocket.Open(NetlinkFamily.NETLINK_NETFILTER)));
        using (netfilter)
        {
            var datagrams = new Socket(new SafeSocketHandle(udp.Release(), ownsHandle: true));
            var streams = new Socket(new SafeSocketHandle(tcp.Release(), ownsHandle: true));
            try
            {
                datagrams.Bind(new IPEndPoint(ResolverAddress, 0));
                streams.Bind(new IPEndPoint(ResolverAddress, 0));
                streams.Listen(64);
                Redirect(netfilter, PortOf(datagrams), PortOf(streams));
            }
            catch
            {
                datagrams.Dispose();
                streams.Dispose();
                throw;
            }

            return server.Serve(datagrams, streams, scope);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Namespace.Dispose();

    private static ushort PortOf(Socket socket) => (ushort)((IPEndPoint)socket.LocalEndPoint!).Port; // bound just before

    private static void Redirect(NetlinkSocket netfilter, ushort udpPort, ushort tcpPort)
    {
        var table = new NftTable(NftFamily.Ip, "berth_names");
        using var change = new NftTransaction();
        change.AddTable(table); // so that there is one to delete
        change.DeleteTable(table);
        change.AddTable(table);
        change.AddChain(table, new NftChainConfig { Name = "output", Base = new NftBase("nat", NftHook.Output, -100) });
        foreach ((ProtocolType protocol, ushort port) in (ReadOnlySpan<(ProtocolType, ushort)>)[(ProtocolType.Udp, udpPort), (ProtocolType.Tcp, tcpPort)])
        {
            change.AddRule(table, "output", new NftRule(NftFamily.Ip).Destination(new IPNetwork(ResolverAddress, 32)).DestinationPort(protocol, 53).DestinationNat(ResolverAddress, port));
        }

        change.Commit(netfilter);
    }
}
