using System.Net;
using System.Net.Sockets;
using Berth.Model;
using Berth.Network.Drivers;
using Berth.Network.Ipam;
using Berth.Network.Ports;

namespace Berth.Network.Tests.Ports;

/// <summary>Ports of this very host, on its loopback addresses where one is enough.</summary>
public sealed class PortReservationTests
{
    private static readonly NetAddress Loopback = NetAddress.Parse("127.0.0.1");
    private static readonly NetAddress Loopback6 = NetAddress.Parse("::1");
    private static readonly PortTarget Container = new() { IPv4 = NetAddress.Parse("172.17.0.2") };
    private static readonly PortTarget DualContainer = Container with { IPv6 = NetAddress.Parse("fd00::2") };

    [Fact]
    public async Task APortWithoutAddressIsTakenForBothFamilies()
    {
        var ports = new PortReservations();
        ushort port = PortTests.Free();
        await using PortReservation got = ports.Reserve([new PortRequest(PortProtocol.Tcp, 80, null, port)], Container);
        Assert.Equal([$"Tcp 0.0.0.0:{port} 80", $"Tcp :::{port} 80"], Texts(got));
        Assert.False(CanBind(IPAddress.Any, port));
        Assert.False(CanBind(IPAddress.Parse("127.0.0.5"), port));
        Assert.False(CanBind(IPAddress.IPv6Any, port));
        Assert.False(CanConnect(IPAddress.Loopback, port));
        await got.DisposeAsync();
        Assert.True(CanBind(IPAddress.Any, port));
    }

    [Fact]
    public async Task AnotherContainersPortIsRefusedInDockersWordsAndNothingIsKept()
    {
        var ports = new PortReservations();
        ushort port = PortTests.Free(), other = PortTests.Free();
        await using PortReservation first = ports.Reserve([new PortRequest(PortProtocol.Tcp, 80, Loopback, port)], Container);
        var requests = new[] { new PortRequest(PortProtocol.Tcp, 81, Loopback, other), new PortRequest(PortProtocol.Tcp, 82, Loopback, port) };
        EngineException error = Assert.Throws<EngineException>(() => ports.Reserve(requests, Container));
        Assert.Equal((ErrorKind.Internal, $"Bind for 127.0.0.1:{port} failed: port is already allocated"), (error.Kind, error.Message));
        Assert.True(CanBind(IPAddress.Loopback, other));

        error = Assert.Throws<EngineException>(() => ports.Reserve([new PortRequest(PortProtocol.Tcp, 80, null, port)], Container));
        Assert.Equal($"failed to bind host port for 0.0.0.0:{port}:172.17.0.2:80/tcp: address already in use", error.Message);

        await using PortReservation udp = ports.Reserve([new PortRequest(PortProtocol.Udp, 82, Loopback, port)], Container);
        await first.DisposeAsync();
        await using PortReservation again = ports.Reserve(requests, Container);
        Assert.Equal(2, again.Ports.Count);
    }

    [Theory]
    [InlineData(PortProtocol.Tcp, "127.0.0.1", "127.0.0.1:PORT:172.17.0.2:80/tcp")]
    [InlineData(PortProtocol.Udp, "127.0.0.1", "127.0.0.1:PORT:172.17.0.2:80/udp")]
    [InlineData(PortProtocol.Tcp, "::1", "[::1]:PORT:[fd00::2]:80/tcp")]
    public void AnotherProgramsPortIsRefusedInDockersWords(PortProtocol protocol, string address, string described)
    {
        using Socket other = PortTests.Listen(IPAddress.Parse(address), protocol, out ushort port);
        EngineException error = Assert.Throws<EngineException>(() => new PortReservations().Reserve([new PortRequest(protocol, 80, NetAddress.Parse(address), port)], DualContainer));
        Assert.Equal($"failed to bind host port for {described.Replace("PORT", $"{port}", StringComparison.Ordinal)}: address already in use", error.Message);
    }

    [Fact]
    public void AnAddressThatIsNotThisHostsIsRefused()
    {
        EngineException error = Assert.Throws<EngineException>(() => new PortReservations().Reserve([new PortRequest(PortProtocol.Tcp, 80, NetAddress.Parse("192.0.2.1"), 18080)], Container));
        Assert.Equal("failed to bind host port for 192.0.2.1:18080:172.17.0.2:80/tcp: cannot assign requested address", error.Message);
    }

    [Fact]
    public async Task OneOfARangeIsTheFirstThatIsFree()
    {
        var ports = new PortReservations();
        ushort first = PortTests.Free(count: 4);
        using Socket other = PortTests.Listen(IPAddress.Loopback, PortProtocol.Tcp, out _, first);
        var request = new PortRequest(PortProtocol.Tcp, 80, Loopback, first, (ushort)(first + 2));
        await using PortReservation one = ports.Reserve([request], Container);
        await using PortReservation two = ports.Reserve([request], Container);
        Assert.Equal([$"Tcp 127.0.0.1:{first + 1} 80", $"Tcp 127.0.0.1:{first + 2} 80"], [.. Texts(one), .. Texts(two)]);
        EngineException error = Assert.Throws<EngineException>(() => ports.Reserve([request], Container));
        Assert.Equal($"failed to bind host port {first} for 127.0.0.1:{first}-{first + 2}:172.17.0.2:80/tcp: address already in use", error.Message);
        other.Dispose();
        await using PortReservation three = ports.Reserve([request], Container);
        Assert.Equal("all ports are allocated", Assert.Throws<EngineException>(() => ports.Reserve([request], Container)).Message);
    }

    [Fact]
    public async Task AnyPortIsTheSameForAllAddressesAndComesFromTheKernelsRange()
    {
        ushort first = PortTests.Free(count: 8);
        var ports = new PortReservations(ephemeral: () => (first, (ushort)(first + 7)));
        using Socket other = PortTests.Listen(IPAddress.IPv6Any, PortProtocol.Tcp, out _, first);
        await using PortReservation both = ports.Reserve([new PortRequest(PortProtocol.Tcp, 80)], Container);
        Assert.Equal([$"Tcp 0.0.0.0:{first + 1} 80", $"Tcp :::{first + 1} 80"], Texts(both)); // the first is free for one family alone
        await both.DisposeAsync();
        await using PortReservation several = ports.Reserve(
            [new PortRequest(PortProtocol.Tcp, 80, Loopback6), new PortRequest(PortProtocol.Tcp, 80, Loopback), new PortRequest(PortProtocol.Udp, 80, Loopback)], DualContainer);
        Assert.Equal([$"Tcp 127.0.0.1:{first + 2} 80", $"Tcp ::1:{first + 2} 80", $"Udp 127.0.0.1:{first + 3} 80"], Texts(several));
        Assert.Equal((32768, 60999), EphemeralPorts.Parse("32768\t60999\n"));
        Assert.Throws<InvalidDataException>(() => EphemeralPorts.Parse("7"));
    }

    [Fact]
    public async Task ExactPortsComeBeforeThoseThatHaveAChoice()
    {
        ushort first = PortTests.Free(count: 2);
        await using PortReservation got = new PortReservations().Reserve(
            [new PortRequest(PortProtocol.Tcp, 80, Loopback, first, (ushort)(first + 1)), new PortRequest(PortProtocol.Tcp, 81, Loopback, first)], Container);
        Assert.Equal([$"Tcp 127.0.0.1:{first} 81", $"Tcp 127.0.0.1:{first + 1} 80"], Texts(got));
    }

    [Fact]
    public async Task WhatLeadsNowhereIsLeftOut()
    {
        var ports = new PortReservations();
        ushort port = PortTests.Free();
        PortRequest any = new(PortProtocol.Tcp, 80, null, port), six = new(PortProtocol.Tcp, 80, Loopback6, port), four = new(PortProtocol.Tcp, 80, Loopback, port);
        Assert.Equal([$"Tcp 0.0.0.0:{port} 80"], await TextsAsync(any, Container with { HasProxy = false }));
        Assert.Empty(await TextsAsync(six, Container with { HasProxy = false }));
        Assert.Equal([$"Tcp ::1:{port} 80"], await TextsAsync(six, Container));
        Assert.Empty(await TextsAsync(four, DualContainer with { IPv4 = null }));
        Assert.Equal([$"Tcp :::{port} 80"], await TextsAsync(any, DualContainer with { IPv4 = null }));
        Assert.Equal([$"Tcp 127.0.0.1:{port} 80"], await TextsAsync(any, DualContainer with { DefaultHostAddress = Loopback }));
        Assert.Equal([$"Tcp ::1:{port} 80"], await TextsAsync(any, DualContainer with { DefaultHostAddress = Loopback6 }));
        Assert.Empty(await TextsAsync(any, new PortTarget()));

        async Task<string[]> TextsAsync(PortRequest request, PortTarget target)
        {
            await using PortReservation got = ports.Reserve([request], target);
            return Texts(got);
        }
    }

    [Fact]
    public async Task ARoutedNetworkTakesNoPortOfTheHost()
    {
        ushort port = PortTests.Free();
        await using PortReservation got = new PortReservations().Reserve([new PortRequest(PortProtocol.Tcp, 80, null, port)], DualContainer with { IsIPv4Routed = true, IsIPv6Routed = true });
        Assert.Equal(["Tcp 0.0.0.0:0 80", "Tcp :::0 80"], Texts(got));
        Assert.True(CanBind(IPAddress.Any, port));
        await using PortReservation half = new PortReservations().Reserve([new PortRequest(PortProtocol.Tcp, 80, null, port)], DualContainer with { IsIPv6Routed = true });
        Assert.Equal([$"Tcp :::0 80", $"Tcp 0.0.0.0:{port} 80"], Texts(half));
    }

    [Fact]
    public async Task AfterARestartPortsAreHeldAgainAndWhatIsLostIsTold()
    {
        ushort first = PortTests.Free(count: 2);
        PublishedPort[] had = [new(PortProtocol.Tcp, Loopback, first, 80), new(PortProtocol.Tcp, Loopback, (ushort)(first + 1), 81), new(PortProtocol.Tcp, NetAddress.IPv4(0), 0, 82)];
        using Socket other = PortTests.Listen(IPAddress.Loopback, PortProtocol.Tcp, out _, (ushort)(first + 1));
        var ports = new PortReservations();
        await using PortReservation got = ports.Restore(had, Container, out IReadOnlyList<string> lost);
        Assert.Equal([$"failed to bind host port for 127.0.0.1:{first + 1}:172.17.0.2:81/tcp: address already in use"], lost);
        Assert.Equal(had, got.Ports);
        Assert.False(CanBind(IPAddress.Loopback, first));
        await using PortReservation twice = ports.Restore(had[..1], Container, out lost);
        Assert.Equal([$"Bind for 127.0.0.1:{first} failed: port is already allocated"], lost);
        await twice.DisposeAsync();
        Assert.Throws<EngineException>(() => ports.Reserve([new PortRequest(PortProtocol.Tcp, 80, Loopback, first)], Container)); // it never had it
    }

    [Fact]
    public async Task ConnectionsThatLingerDoNotKeepAPort()
    {
        using Socket server = PortTests.Listen(IPAddress.Loopback, PortProtocol.Tcp, out ushort port);
        using (var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            using Socket accepted = await server.AcceptAsync();
            accepted.Shutdown(SocketShutdown.Both);
            accepted.Close(); // first, so that TIME_WAIT is on this side
            Assert.Equal(0, await client.ReceiveAsync(new byte[1]));
        }

        server.Dispose();
        await using PortReservation got = new PortReservations().Reserve([new PortRequest(PortProtocol.Tcp, 80, Loopback, port)], Container);
        Assert.False(CanBind(IPAddress.Loopback, port));
    }

    [Fact]
    public void WhatIsNoPortIsRefused()
    {
        var ports = new PortReservations();
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => ports.Reserve([new PortRequest(PortProtocol.Tcp, 0)], Container)).Kind);
        Assert.Equal("invalid port range: 90-80", Assert.Throws<EngineException>(() => ports.Reserve([new PortRequest(PortProtocol.Tcp, 1, null, 90, 80)], Container)).Message);
    }

    [Fact]
    public async Task SctpPortsAreHeldOrNeedNotBe()
    {
        ushort port = PortTests.Free();
        var ports = new PortReservations();
        await using PortReservation got = ports.Reserve([new PortRequest(PortProtocol.Sctp, 80, Loopback, port)], Container);
        Assert.Equal([$"Sctp 127.0.0.1:{port} 80"], Texts(got));
        Assert.Contains("already allocated", Assert.Throws<EngineException>(() => ports.Reserve([new PortRequest(PortProtocol.Sctp, 81, Loopback, port)], Container)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ManyAtOnceGetPortsOfTheirOwn()
    {
        var ports = new PortReservations();
        PortReservation[] got = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(() => ports.Reserve([new PortRequest(PortProtocol.Tcp, 80, Loopback), new PortRequest(PortProtocol.Udp, 80, Loopback)], Container))));
        Assert.Equal(128, got.SelectMany(static one => one.Ports).Distinct().Count());
        foreach (PortReservation one in got)
        {
            await one.DisposeAsync();
        }
    }

    private static string[] Texts(PortReservation got) => [.. got.Ports.Select(static port => $"{port.Protocol} {port.HostAddress}:{port.HostPort} {port.ContainerPort}")];

    // As other programs do: the framework sets SO_REUSEADDR for TCP.
    private static bool CanBind(IPAddress address, ushort port)
    {
        try
        {
            PortTests.Listen(address, PortProtocol.Tcp, out _, port).Dispose();
            return true;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }

    private static bool CanConnect(IPAddress address, ushort port)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(address, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
