using System.Globalization;
using Berth.Linux;
using Berth.Linux.Sockets;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;

namespace Berth.Network.Ports;

/// <summary>
/// The ports of this host that containers have, each held by a bound socket so that no other program gets it. Safe for concurrent use. Descriptors are the
/// only cost of a port that the kernel translates: its socket neither listens nor is ever read.
/// </summary>
public sealed class PortReservations
{
    private readonly Lock gate = new();
    private readonly HashSet<(PortProtocol Protocol, NetAddress Address, ushort Port)> taken = [];
    private readonly PortProxyOptions proxyOptions;
    private readonly Func<(ushort First, ushort Last)> ephemeral;
    private readonly Lazy<bool> hasIPv6 = new(IsIPv6There);
    private ushort lastGiven;

    /// <param name="proxyOptions">Bounds of what is passed on by this process; null: the defaults.</param>
    /// <param name="ephemeral">The ports to choose from where none was asked for, both included; null: the kernel's (net.ipv4.ip_local_port_range).</param>
    public PortReservations(PortProxyOptions? proxyOptions = null, Func<(ushort First, ushort Last)>? ephemeral = null)
    {
        this.proxyOptions = proxyOptions ?? new PortProxyOptions();
        this.ephemeral = ephemeral ?? EphemeralPorts.Read;
    }

    /// <summary>Takes what is asked, all or nothing. Requests that differ in nothing but the host's address get the same port; a request without one gets it for both families.</summary>
    /// <exception cref="EngineException">In dockerd's words. <see cref="ErrorKind.Internal"/>: a port is taken, by a container or by another program, an address is
    /// none of this host's, or no port is left; <see cref="ErrorKind.InvalidArgument"/>: a range that ends before it begins, a container's port 0.</exception>
    public PortReservation Reserve(IReadOnlyList<PortRequest> requests, PortTarget target)
    {
        List<PortRequest> sorted = [.. requests];
        sorted.ForEach(Check);
        sorted.Sort(Compare);
        var reservation = new PortReservation(this, target, proxyOptions);
        lock (gate)
        {
            try
            {
                for (int i = 0; i < sorted.Count;)
                {
                    int end = i + 1;
                    while (end < sorted.Count && sorted[end] with { HostAddress = null } == sorted[i] with { HostAddress = null })
                    {
                        end++;
                    }

                    Take(reservation, [.. sorted[i..end].SelectMany(request => Bindings(request, target))]);
                    i = end;
                }
            }
            catch
            {
                Free(reservation);
                throw;
            }
        }

        return reservation;
    }

    /// <summary>Takes what a container already has, after the daemon was away. Never fails: a port whose socket cannot be bound stays the container's, and the kernel still translates it.</summary>
    /// <param name="ports">As <see cref="PortReservation.Ports"/> was.</param>
    /// <param name="target">As it was.</param>
    /// <param name="lost">One sentence for each port that another has now.</param>
    public PortReservation Restore(IReadOnlyList<PublishedPort> ports, PortTarget target, out IReadOnlyList<string> lost)
    {
        var reservation = new PortReservation(this, target, proxyOptions);
        List<string> problems = [];
        lock (gate)
        {
            foreach (PublishedPort port in ports)
            {
                var binding = new PortBindingPlan(new PortRequest(port.Protocol, port.ContainerPort, port.HostAddress, port.HostPort), port.HostAddress, IsRouted: port.HostPort == 0);
                if (binding.IsRouted)
                {
                    reservation.Add(port, socket: null, isOwner: false);
                    continue;
                }

                bool isOwner = taken.Add((port.Protocol, port.HostAddress, port.HostPort));
                FileDescriptor? socket = null;
                try
                {
                    socket = isOwner ? BindOne(binding, port.HostPort, target) : throw Allocated(port.HostAddress, port.HostPort);
                }
                catch (EngineException error)
                {
                    problems.Add(error.Message);
                }

                reservation.Add(port, socket, isOwner);
            }
        }

        lost = problems;
        return reservation;
    }

    /// <summary>Gives the ports of a reservation back once its sockets are closed.</summary>
    internal void Release(IEnumerable<PublishedPort> ports)
    {
        lock (gate)
        {
            foreach (PublishedPort port in ports)
            {
                taken.Remove((port.Protocol, port.HostAddress, port.HostPort));
            }
        }
    }

    private static void Check(PortRequest request)
    {
        if (request.ContainerPort == 0)
        {
            throw new EngineException(ErrorKind.InvalidArgument, "invalid container port 0: wanted 1 to 65535");
        }

        if (request.End < request.FirstHostPort || (request.FirstHostPort == 0 && request.LastHostPort != 0))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"invalid port range: {request.FirstHostPort}-{request.LastHostPort}");
        }
    }

    // Ports that must be as asked come before those that have a choice; what differs in the address alone stands together.
    private static int Compare(PortRequest left, PortRequest right)
    {
        int order = right.IsExact.CompareTo(left.IsExact);
        order = order != 0 ? order : left.ContainerPort.CompareTo(right.ContainerPort);
        order = order != 0 ? order : left.Protocol.CompareTo(right.Protocol);
        order = order != 0 ? order : left.FirstHostPort.CompareTo(right.FirstHostPort);
        order = order != 0 ? order : left.LastHostPort.CompareTo(right.LastHostPort);
        return order != 0 ? order : Nullable.Compare(left.HostAddress, right.HostAddress);
    }

    // None where the container has no address that this one of the host's could lead to: another network may serve it better one day.
    private IEnumerable<PortBindingPlan> Bindings(PortRequest request, PortTarget target)
    {
        NetAddress asked = request.HostAddress ?? target.DefaultHostAddress;
        bool isBoth = request.HostAddress is null && asked == NetAddress.IPv4(0);
        if (!asked.IsIPv6 && target.IPv4 is not null)
        {
            yield return new PortBindingPlan(request, target.IsIPv4Routed ? NetAddress.IPv4(0) : asked, target.IsIPv4Routed);
        }

        bool isReachable = target.IPv6 is not null || (target.IPv4 is not null && target.HasProxy);
        if ((asked.IsIPv6 || (isBoth && hasIPv6.Value)) && isReachable)
        {
            bool isRouted = target.IsIPv6Routed && target.IPv6 is not null;
            yield return new PortBindingPlan(request, isBoth || isRouted ? NetAddress.IPv6(0) : asked, isRouted);
        }
    }

    // One port for all of these.
    private void Take(PortReservation reservation, List<PortBindingPlan> bindings)
    {
        foreach (PortBindingPlan routed in bindings.Where(static binding => binding.IsRouted))
        {
            reservation.Add(new PublishedPort(routed.Request.Protocol, routed.Address, 0, routed.Request.ContainerPort), socket: null, isOwner: false);
        }

        bindings.RemoveAll(static binding => binding.IsRouted);
        if (bindings.Count == 0)
        {
            return;
        }

        PortRequest request = bindings[0].Request;
        if (request.IsExact)
        {
            TakeAt(reservation, bindings, request.FirstHostPort);
            return;
        }

        EngineException? last = null;
        foreach (ushort port in Candidates(request))
        {
            if (bindings.Exists(binding => taken.Contains((request.Protocol, binding.Address, port))))
            {
                continue;
            }

            try
            {
                TakeAt(reservation, bindings, port);
                lastGiven = request.FirstHostPort == 0 ? port : lastGiven;
                return;
            }
            catch (EngineException error) when (error.InnerException is LinuxException { Errno: Errno.EADDRINUSE or Errno.EACCES })
            {
                last = error;
            }
        }

        throw last ?? new EngineException(ErrorKind.Internal, "all ports are allocated");
    }

    // A range from its beginning; the kernel's own ports after the one given last, so that one just given back is not met at once by those who knew it.
    private IEnumerable<ushort> Candidates(PortRequest request)
    {
        (int first, int last) = request.FirstHostPort == 0 ? ephemeral() : (request.FirstHostPort, request.End);
        int start = request.FirstHostPort == 0 && lastGiven >= first && lastGiven < last ? lastGiven + 1 : first;
        for (int i = 0; i <= last - first; i++)
        {
            yield return (ushort)(first + ((start - first + i) % (last - first + 1)));
        }
    }

    private void TakeAt(PortReservation reservation, List<PortBindingPlan> bindings, ushort port)
    {
        int mark = reservation.Count;
        try
        {
            foreach (PortBindingPlan binding in bindings)
            {
                PortRequest request = binding.Request;
                if (!taken.Add((request.Protocol, binding.Address, port)))
                {
                    throw Allocated(binding.Address, port);
                }

                try
                {
                    FileDescriptor? socket = BindOne(binding, port, reservation.Target);
                    reservation.Add(new PublishedPort(request.Protocol, binding.Address, port, request.ContainerPort), socket, isOwner: true);
                }
                catch
                {
                    taken.Remove((request.Protocol, binding.Address, port));
                    throw;
                }
            }
        }
        catch
        {
            Free(reservation, mark);
            throw;
        }
    }

    private void Free(PortReservation reservation, int from = 0)
    {
        foreach (PublishedPort port in reservation.Cut(from))
        {
            taken.Remove((port.Protocol, port.HostAddress, port.HostPort));
        }
    }

    // TIME_WAIT of what a proxy or a program accepted keeps others from the port for a minute, unless SO_REUSEADDR says that it does not matter; with it, a socket
    // holds a port only while it listens. What connects to it then waits for nobody: the kernel translates before.
    private static FileDescriptor? BindOne(PortBindingPlan binding, ushort port, PortTarget target)
    {
        (PortProtocol protocol, var endPoint) = (binding.Request.Protocol, new System.Net.IPEndPoint(binding.Address.ToIPAddress(), port));
        try
        {
            FileDescriptor socket;
            try
            {
                socket = PortSocket.Bind(endPoint, Number(protocol), isShared: false);
            }
            catch (LinuxException error) when (error.Errno == Errno.EADDRINUSE && protocol == PortProtocol.Tcp)
            {
                socket = PortSocket.Bind(endPoint, Number(protocol), isShared: true);
                try
                {
                    PortSocket.Listen(socket, backlog: 0);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            }

            if (protocol == PortProtocol.Udp && !PortReservation.NeedsProxy(new PublishedPort(protocol, binding.Address, port, 0), target))
            {
                PortSocket.SetReceiveBuffer(socket, 0);
            }

            return socket;
        }
        catch (LinuxException error) when (protocol == PortProtocol.Sctp && error.Call == "socket")
        {
            return null; // a kernel that does not speak it: no program could take the port
        }
        catch (LinuxException error)
        {
            bool isRange = !binding.Request.IsExact;
            string which = isRange ? $"{port.ToString(CultureInfo.InvariantCulture)} for {binding.Describe(target)}" : $"for {binding.Describe(target)}";
            throw new EngineException(ErrorKind.Internal, $"failed to bind host port {which}: {LinuxException.Describe(error.Errno)}", error);
        }
    }

    private static int Number(PortProtocol protocol) => protocol switch
    {
        PortProtocol.Tcp => 6,
        PortProtocol.Udp => 17,
        _ => PortSocket.Sctp,
    };

    // Without brackets for IPv6, as dockerd writes it here.
    private static EngineException Allocated(NetAddress address, ushort port) =>
        new(ErrorKind.Internal, $"Bind for {address}:{port.ToString(CultureInfo.InvariantCulture)} failed: port is already allocated");

    private static bool IsIPv6There()
    {
        try
        {
            PortSocket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.IPv6Any, 0), protocol: 6, isShared: false).Dispose();
            return true;
        }
        catch (LinuxException)
        {
            return false;
        }
    }
}

/// <summary>One address of the host that one request is published on.</summary>
/// <param name="IsRouted">No port of the host is taken.</param>
internal sealed record PortBindingPlan(PortRequest Request, NetAddress Address, bool IsRouted)
{
    /// <summary>As dockerd shows it: <c>0.0.0.0:80:172.17.0.2:80/tcp</c>.</summary>
    public string Describe(PortTarget target)
    {
        NetAddress? container = Address.IsIPv6 ? target.IPv6 ?? target.IPv4 : target.IPv4;
        string host = (Request.FirstHostPort, Request.IsExact) switch
        {
            (0, _) => "",
            (_, true) => Number(Request.FirstHostPort),
            _ => $"{Number(Request.FirstHostPort)}-{Number(Request.End)}",
        };
        string inside = container is { } address ? $"{Bracketed(address)}:" : "";
        return $"{Bracketed(Address)}:{host}:{inside}{Number(Request.ContainerPort)}/{Request.Protocol.ToString().ToLowerInvariant()}";
    }

    private static string Bracketed(NetAddress address) => address.IsIPv6 ? $"[{address}]" : address.ToString();

    private static string Number(ushort port) => port.ToString(CultureInfo.InvariantCulture);
}
