using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Berth.Linux.Namespaces;
using Berth.Linux.Netlink;

namespace Berth.Linux.Tests.Netlink;

/// <summary>A network namespace that was made for a test, with sockets in it; the host's own is never touched.</summary>
internal sealed class TestNetwork : IDisposable
{
    public TestNetwork()
    {
        Namespace = NetworkNamespace.Create();
        Route = NetlinkSocket.Open(NetlinkFamily.NETLINK_ROUTE, Namespace);
        Filter = NetlinkSocket.Open(NetlinkFamily.NETLINK_NETFILTER, Namespace);
        Links.SetUp(Route, 1);
        Initial = [.. Links.List(Route).Select(link => link.Name)];

        // A link does not ask for its neighbours' addresses, on behalf of others, before it is sure of its own: a second or two.
        if (NetworkNamespace.Run(Namespace, () => Directory.Exists("/proc/sys/net/ipv6")))
            Sysctl("ipv6/conf/default/accept_dad", "0");
    }

    public FileDescriptor Namespace { get; }

    public NetlinkSocket Route { get; }

    public NetlinkSocket Filter { get; }

    /// <summary>The links that were there from the beginning: <c>lo</c>, and with some modules of the kernel tunnels such as <c>sit0</c>.</summary>
    public IReadOnlyList<string> Initial { get; }

    /// <summary>The links that the test made.</summary>
    public IReadOnlyList<LinkInfo> Made() => [.. Links.List(Route).Where(link => !Initial.Contains(link.Name))];

    /// <summary>A veth with its other end in <paramref name="other"/>, both on, with an address each.</summary>
    public (int Here, int There) Connect(TestNetwork other, string name, string address, string peerName, string peerAddress, int? master = null)
    {
        int here = Links.Create(Route, new VethConfig
        {
            Name = name, IsUp = true, Master = master, Peer = new VethPeer { Name = peerName, Namespace = other.Namespace },
        });
        int there = Links.Find(other.Route, peerName)!.Index;
        Links.SetUp(other.Route, there);
        WaitForCarrier(here);
        other.WaitForCarrier(there);
        if (address.Length > 0)
            Addresses.Add(Route, Parse(here, address));
        Addresses.Add(other.Route, Parse(there, peerAddress));
        return (here, there);
    }

    /// <summary>Waits until packets pass: the kernel notices a cable, and opens queues and bridge ports, on a thread of its own a moment later.</summary>
    public void WaitForCarrier(int link)
    {
        const byte IF_OPER_UP = 6;
        var time = Stopwatch.StartNew();
        while (Links.Find(Route, link)!.OperationalState != IF_OPER_UP)
        {
            Assert.True(time.Elapsed < TimeSpan.FromSeconds(30), $"link {link} has no carrier");
            Thread.Sleep(1);
        }
    }

    /// <summary>An address with its prefix, of a link.</summary>
    public static LinkAddress Parse(int link, string text)
    {
        string[] parts = text.Split('/');
        return new LinkAddress { Link = link, Address = IPAddress.Parse(parts[0]), PrefixLength = int.Parse(parts[1]) };
    }

    public Socket Open(SocketType type, IPEndPoint local)
    {
        FileDescriptor opened = NetworkNamespace.OpenSocket(Namespace, local.AddressFamily, type);
        var socket = new Socket(new SafeSocketHandle(opened.Release(), ownsHandle: true)) { ReceiveTimeout = 30_000, SendTimeout = 30_000 };
        socket.Bind(local);
        return socket;
    }

    /// <summary>Writes to a file of /proc/sys/net, which is the namespace's own.</summary>
    public void Sysctl(string name, string value) => NetworkNamespace.Run(Namespace, () => File.WriteAllText("/proc/sys/net/" + name, value));

    /// <summary>
    /// Starts a program in a namespace; it is there after a moment. Not from a thread inside, as what the runtime starts with a first process, such as the
    /// thread for signals, would stay in the namespace for good.
    /// </summary>
    public static Process Start(FileDescriptor networkNamespace, string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo("nsenter", [$"--net=/proc/{Environment.ProcessId}/fd/{networkNamespace.Number}", "--", program, .. arguments])
        {
            UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;

    /// <summary>What a program prints that runs in the namespace.</summary>
    public string Output(string program, params string[] arguments)
    {
        using Process process = Start(Namespace, program, arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        process.WaitForExit();
        return output;
    }

    /// <summary>All rules as nft(8) has them, made comparable.</summary>
    public string ShowRules() => Normalize(Output("nft", "list", "ruleset"));

    /// <summary>One space between words, no empty lines, elements in one line.</summary>
    public static string Normalize(string text)
    {
        string joined = text.Replace(",\n", ", ", StringComparison.Ordinal);
        return string.Join('\n', joined.Split('\n').Select(line => string.Join(' ', line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries))).Where(line => line.Length > 0));
    }

    public void Dispose()
    {
        Route.Dispose();
        Filter.Dispose();
        Namespace.Dispose();
    }
}
