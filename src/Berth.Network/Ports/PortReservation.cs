using System.Net;
using System.Net.Sockets;
using Berth.Linux;
using Berth.Linux.Sockets;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;

namespace Berth.Network.Ports;

/// <summary>The ports that one endpoint has, and the sockets that hold them, until it is disposed of. Its owner calls one method at a time.</summary>
public sealed class PortReservation : IAsyncDisposable
{
    private readonly PortReservations owner;
    private readonly PortProxyOptions options;
    private readonly List<Entry> entries = [];
    private readonly List<IAsyncDisposable> proxies = [];
    private bool isDisposed;

    internal PortReservation(PortReservations owner, PortTarget target, PortProxyOptions options)
    {
        this.owner = owner;
        this.options = options;
        Target = target;
    }

    /// <summary>What was given: each address of the host with its port, in dockerd's order. A port that is let in without translation has the host's port 0.</summary>
    public IReadOnlyList<PublishedPort> Ports => [.. entries.Select(static entry => entry.Port)];

    internal PortTarget Target { get; }

    internal int Count => entries.Count;

    /// <summary>
    /// Whether what is sent to <paramref name="port"/> is, in part or altogether, passed on by this process: the kernel translates no IPv6 into IPv4, and nothing
    /// that comes from ::1.
    /// </summary>
    public static bool NeedsProxy(PublishedPort port, PortTarget target) => port.HostAddress.IsIPv6 && port.HostPort != 0 && port.Protocol != PortProtocol.Sctp && target.HasProxy
        && (target.IPv6 is null || port.HostAddress.IsUnspecified || port.HostAddress.IsLoopback);

    /// <summary>Begins to pass on what the kernel cannot translate; to be called once its rules are in place, so that nothing comes here that it can. Again is no fault.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: another program listens on a port since; then nothing is passed on.</exception>
    public async Task StartProxiesAsync()
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        try
        {
            foreach (Entry entry in entries)
            {
                if (entry.Socket is not null && NeedsProxy(entry.Port, Target))
                {
                    proxies.Add(Start(entry));
                }
            }
        }
        catch (LinuxException error)
        {
            await StopProxiesAsync();
            throw new EngineException(ErrorKind.Internal, $"published ports: {error.Message}", error);
        }
    }

    /// <summary>Ends connections that are passed on, closes the sockets, and gives the ports back.</summary>
    public async ValueTask DisposeAsync()
    {
        if (isDisposed)
        {
            return;
        }

        isDisposed = true;
        await StopProxiesAsync();
        owner.Release(Cut(0));
    }

    internal void Add(PublishedPort port, FileDescriptor? socket, bool isOwner) => entries.Add(new Entry(port, isOwner) { Socket = socket });

    /// <summary>Closes the sockets of the last entries and forgets these; returns those that are to be given back.</summary>
    internal List<PublishedPort> Cut(int from)
    {
        List<Entry> cut = entries[from..];
        entries.RemoveRange(from, cut.Count);
        cut.ForEach(static entry => entry.Socket?.Dispose());
        return [.. cut.Where(static entry => entry.IsOwner).Select(static entry => entry.Port)];
    }

    private IAsyncDisposable Start(Entry entry)
    {
        FileDescriptor socket = entry.Socket!; // checked by the caller
        if (entry.Port.Protocol == PortProtocol.Tcp)
        {
            PortSocket.Listen(socket, options.Backlog);
        }

        // The socket is the proxy's from here on: it closes it.
        NetAddress container = Target.IPv6 ?? Target.IPv4 ?? throw new InvalidOperationException($"{entry.Port} leads to no address");
        var managed = new Socket(new SafeSocketHandle(socket.Release(), ownsHandle: true));
        var target = new IPEndPoint(container.ToIPAddress(), entry.Port.ContainerPort);
        entry.Socket = null;
        return entry.Port.Protocol == PortProtocol.Tcp ? new TcpPortProxy(managed, target, options) : new UdpPortProxy(managed, target, options);
    }

    private async Task StopProxiesAsync()
    {
        await Task.WhenAll(proxies.Select(static proxy => proxy.DisposeAsync().AsTask()));
        proxies.Clear();
    }

    private sealed record Entry(PublishedPort Port, bool IsOwner)
    {
        /// <summary>Null: nothing to hold, or a proxy has it.</summary>
        public FileDescriptor? Socket { get; set; }
    }
}
