using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Berth.Linux;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Drivers;

/// <summary>
/// A host of the test's own: a namespace with a link to an outside one, 192.0.2.1 (and .11) against 192.0.2.2, both also with IPv6, in which networks are made.
/// The machine's own network is never touched.
/// </summary>
internal sealed class HostLab : IDisposable
{
    public const string Owner = "0123abcd", HostAddress = "192.0.2.1", OtherHostAddress = "192.0.2.11", OutsideAddress = "192.0.2.2";
    public const string HostAddress6 = "2001:db8:1::1", OutsideAddress6 = "2001:db8:1::2";
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10), Silence = TimeSpan.FromMilliseconds(250);
    private readonly List<IDisposable> owned = [];

    public HostLab()
    {
        Host = Own(NetworkNamespace.Create());
        Outside = Own(NetworkNamespace.Create());
        Route = Own(NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, Host));
        Filter = Own(NetlinkSocket.Open(NetlinkFamily.NETLINK_NETFILTER, Host));
        HostNetwork.Prepare(Host);
        HostNetwork.Prepare(Outside);
        using NetlinkSocket there = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, Outside);
        int wan = Links.Create(Route, new VethConfig { Name = "wan", IsUp = true, Peer = new VethPeer { Name = "eth0", Namespace = Outside } });
        int eth = Links.Find(there, "eth0")!.Index;
        Links.SetUp(there, eth);
        foreach (string address in (string[])[HostAddress, OtherHostAddress, HostAddress6])
        {
            Add(Route, wan, address);
        }

        Add(there, eth, OutsideAddress);
        Add(there, eth, OutsideAddress6);
        Routes.Add(there, Linux.Netlink.Route.Default(IPAddress.Parse(HostAddress), eth));
        Routes.Add(there, Linux.Netlink.Route.Default(IPAddress.Parse(HostAddress6), eth));
        WaitForCarrier(Route, wan);
        WaitForCarrier(there, eth);
        Network = Start();
    }

    public FileDescriptor Host { get; }

    public FileDescriptor Outside { get; }

    public NetlinkSocket Route { get; }

    public NetlinkSocket Filter { get; }

    public HostNetwork Network { get; private set; }

    public List<string> Reports { get; } = [];

    /// <summary>A network 10.N.0.0/24 and fd00:N::/64.</summary>
    public static BridgePlan Plan(int number, bool hasIPv6 = true) => new()
    {
        Id = Id(number),
        Bridge = "br-" + Id(number)[..12],
        Pools =
        [
            new PoolPlan(Subnet.Parse($"10.{number}.0.0/24"), NetAddress.Parse($"10.{number}.0.1")),
            .. hasIPv6 ? (PoolPlan[])[new PoolPlan(Subnet.Parse($"fd00:{number}::/64"), NetAddress.Parse($"fd00:{number}::1"))] : [],
        ],
    };

    /// <summary>64 digits.</summary>
    public static string Id(int number) => $"{number:x12}{new string('0', 40)}{number:x12}";

    public static PublishedPort Tcp(int hostPort, int port, string address = "0.0.0.0") => new(PortProtocol.Tcp, NetAddress.Parse(address), (ushort)hostPort, (ushort)port);

    public static PublishedPort Udp(int hostPort, int port, string address = "0.0.0.0") => Tcp(hostPort, port, address) with { Protocol = PortProtocol.Udp };

    /// <summary>A daemon's part, as it is after a start.</summary>
    public HostNetwork Start() => Own(new HostNetwork(new HostNetworkOptions { Owner = Owner, Namespace = Host, Report = Note }));

    /// <summary>Another daemon, after the one before was killed.</summary>
    public HostNetwork Restart()
    {
        Network.Dispose();
        return Network = Start();
    }

    public BridgePlan AddNetwork(int number, Func<BridgePlan, BridgePlan>? change = null)
    {
        BridgePlan plan = Plan(number);
        plan = change?.Invoke(plan) ?? plan;
        Network.AddNetwork(plan);
        return plan;
    }

    /// <summary>A container in a network, with the address that ends with <paramref name="number"/>, with servers of TCP and UDP on ports 80 and 81.</summary>
    public LabContainer Run(BridgePlan network, int number, params PublishedPort[] ports) => Run(network, number, plan => plan with { Ports = ports });

    public LabContainer Run(BridgePlan network, int number, Func<EndpointPlan, EndpointPlan> change, FileDescriptor? sandbox = null)
    {
        EndpointPlan plan = change(EndpointOf(network, number));
        FileDescriptor inside = sandbox ?? Own(HostNetwork.CreateSandbox());
        Network.Connect(plan, inside);
        using (NetlinkSocket there = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, inside))
        {
            WaitForCarrier(there, Links.Find(there, plan.Interface)!.Index);
        }

        WaitForCarrier(Route, Links.Find(Route, "bv" + plan.Id[..12])!.Index);
        WaitForCarrier(Route, Links.Find(Route, network.Bridge)!.Index);
        if (sandbox is null)
        {
            foreach (int port in (int[])[80, 81])
            {
                Serve(inside, number, port);
            }
        }

        return new LabContainer(inside, plan);
    }

    public static EndpointPlan EndpointOf(NetworkPlan network, int number)
    {
        NetAddress ipv4 = network.Pools[0].Subnet.At((UInt128)number);
        return new EndpointPlan
        {
            Id = $"{network.Id[8..12]}{number:x8}{new string('e', 52)}",
            NetworkId = network.Id,
            Interface = "eth0",
            Addresses = new EndpointAddresses
            {
                IPv4 = ipv4, IPv6 = network.Pools.FirstOrDefault(pool => pool.Subnet.IsIPv6)?.Subnet.At((UInt128)number), Mac = Berth.Network.Ipam.MacAddress.Of(ipv4),
            },
            IsIPv4Gateway = true,
            IsIPv6Gateway = true,
        };
    }

    /// <summary>Answers whoever asks with the number and with the sender that it saw.</summary>
    public void Serve(FileDescriptor there, int number, int port)
    {
        var local = new IPEndPoint(IPAddress.IPv6Any, port);
        Socket listener = Own(Open(there, SocketType.Stream, local)), datagrams = Own(Open(there, SocketType.Dgram, local));
        listener.Listen(16);
        _ = ServeStreams(listener, number);
        _ = ServeDatagrams(datagrams, number);
    }

    /// <summary>What the server says that answers, "silence" or "refused".</summary>
    /// <param name="from">Where it is asked.</param>
    /// <param name="protocol">By which protocol.</param>
    /// <param name="address">Which address.</param>
    /// <param name="port">Which port.</param>
    /// <param name="isBlocked">Whether silence is expected, so that it is not waited for long.</param>
    public string Ask(FileDescriptor from, PortProtocol protocol, string address, int port, bool isBlocked = false)
    {
        var target = new IPEndPoint(IPAddress.Parse(address), port);
        var local = new IPEndPoint(target.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
        using Socket socket = Open(from, protocol == PortProtocol.Tcp ? SocketType.Stream : SocketType.Dgram, local);
        using var patience = new CancellationTokenSource(isBlocked ? Silence : Longest);
        try
        {
            return AskAsync(socket, target, patience.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            return "silence";
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return "refused";
        }
    }

    public void AssertReaches(FileDescriptor from, string address, int port, int number, string? sender = null, PortProtocol protocol = PortProtocol.Tcp)
    {
        string answer = Ask(from, protocol, address, port);
        bool isRight = sender is null ? answer.StartsWith($"{number} ", StringComparison.Ordinal) : answer == $"{number} {sender}";
        Assert.True(isRight, $"{protocol} {address} {port}: wanted '{number} {sender}', got '{answer}'");
    }

    public void AssertBlocked(FileDescriptor from, string address, int port, PortProtocol protocol = PortProtocol.Tcp) =>
        Assert.Equal($"{protocol} {address} {port}: silence", $"{protocol} {address} {port}: {Ask(from, protocol, address, port, isBlocked: true)}");

    /// <summary>No answer, whether the question is lost or nobody there knows the address.</summary>
    public void AssertUnreachable(FileDescriptor from, string address, int port)
    {
        try
        {
            AssertBlocked(from, address, port);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.HostUnreachable)
        {
            // Nobody answered for it.
        }
    }

    /// <summary>What a program prints that runs on the host.</summary>
    public string Output(string program, params string[] arguments) => OutputIn(Host, program, arguments);

    /// <summary>What a program prints that runs somewhere.</summary>
    public string OutputIn(FileDescriptor there, string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("nsenter", [$"--net=/proc/{Environment.ProcessId}/fd/{there.Number}", "--", program, .. arguments])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        process.WaitForExit();
        return output;
    }

    public void Sysctl(string name, string value) => NetworkNamespace.Run(Host, () => File.WriteAllText("/proc/sys/net/" + name, value));

    public string Sysctl(string name) => NetworkNamespace.Run(Host, () => File.ReadAllText("/proc/sys/net/" + name).Trim());

    public static Socket Open(FileDescriptor there, SocketType type, IPEndPoint local)
    {
        FileDescriptor opened = NetworkNamespace.OpenSocket(there, local.AddressFamily, type);
        var socket = new Socket(new SafeSocketHandle(opened.Release(), ownsHandle: true));
        if (local.AddressFamily == AddressFamily.InterNetworkV6 && local.Port != 0)
        {
            socket.DualMode = true;
        }

        socket.Bind(local);
        return socket;
    }

    public T Own<T>(T thing)
        where T : IDisposable
    {
        owned.Add(thing);
        return thing;
    }

    public void Dispose()
    {
        for (int i = owned.Count - 1; i >= 0; i--)
        {
            owned[i].Dispose();
        }
    }

    private static void WaitForCarrier(NetlinkSocket route, int link)
    {
        const byte IF_OPER_UP = 6;
        var time = Stopwatch.StartNew();
        while (Links.Find(route, link)!.OperationalState != IF_OPER_UP)
        {
            Assert.True(time.Elapsed < TimeSpan.FromSeconds(30), $"link {link} has no carrier");
            Thread.Sleep(1);
        }
    }

    private static void Add(NetlinkSocket route, int link, string address) =>
        Addresses.Add(route, new LinkAddress { Link = link, Address = IPAddress.Parse(address), PrefixLength = address.Contains(':') ? 64 : 24 });

    private static async Task<string> AskAsync(Socket socket, IPEndPoint target, CancellationToken cancellationToken)
    {
        var buffer = new byte[200];
        if (socket.SocketType == SocketType.Dgram)
        {
            await socket.SendToAsync("?"u8.ToArray(), target, cancellationToken);
            SocketReceiveFromResult received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(target.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0), cancellationToken);
            Assert.Equal(target, received.RemoteEndPoint);
            return Encoding.ASCII.GetString(buffer, 0, received.ReceivedBytes);
        }

        await socket.ConnectAsync(target, cancellationToken);
        int length = await socket.ReceiveAsync(buffer, cancellationToken);
        return Encoding.ASCII.GetString(buffer, 0, length);
    }

    private static async Task ServeStreams(Socket listener, int number)
    {
        try
        {
            while (true)
            {
                using Socket accepted = await listener.AcceptAsync();
                await accepted.SendAsync(AnswerOf(number, accepted.RemoteEndPoint!));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static async Task ServeDatagrams(Socket socket, int number)
    {
        try
        {
            var buffer = new byte[200];
            while (true)
            {
                SocketReceiveFromResult received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.IPv6Any, 0));
                await socket.SendToAsync(AnswerOf(number, received.RemoteEndPoint), received.RemoteEndPoint);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private static byte[] AnswerOf(int number, EndPoint sender)
    {
        IPAddress address = ((IPEndPoint)sender).Address;
        return Encoding.ASCII.GetBytes($"{number} {(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address)}");
    }

    private void Note(string text)
    {
        lock (Reports)
        {
            Reports.Add(text);
        }
    }
}

/// <summary>A container's namespace, and its first endpoint.</summary>
internal sealed record LabContainer(FileDescriptor Inside, EndpointPlan Endpoint);
