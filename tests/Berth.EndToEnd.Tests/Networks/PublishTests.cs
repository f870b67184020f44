using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Ports of the host that lead to containers.</summary>
public sealed class PublishTests(NetworkFixture fixture) : IClassFixture<NetworkFixture>
{
    private HostNamespace Host => fixture.Host;

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Each_form_of_a_port_is_reached_and_told(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName(), network = await fixture.NewNetworkAsync(), other = fixture.NewName();
        (await cli.RunAsync(
            "run", "-d", "--name", name, "--hostname", name, "--network", network, "-p", "8080:80", "-p", "127.0.0.1:8081:80", "-p", "9000-9001:9000-9001/udp", "-p", "80", "--expose", "81",
            "busybox", "httpd", "-f", "-p", "80", "-h", "/etc")).Expect();
        string any = (await cli.RunAsync("port", name, "80")).Expect().Output.Split('\n').First(static line => line.StartsWith("0.0.0.0:", StringComparison.Ordinal) && line != "0.0.0.0:8080")["0.0.0.0:".Length..];
        string[] told = (await cli.RunAsync("port", name)).Expect().Line.Split('\n');
        Assert.Equal(
            new[]
            {
                "80/tcp -> 0.0.0.0:8080", "80/tcp -> [::]:8080", "80/tcp -> 127.0.0.1:8081", "80/tcp -> 0.0.0.0:" + any, "80/tcp -> [::]:" + any,
                "9000/udp -> 0.0.0.0:9000", "9000/udp -> [::]:9000", "9001/udp -> 0.0.0.0:9001", "9001/udp -> [::]:9001",
            }.Order(StringComparer.Ordinal),
            told.Order(StringComparer.Ordinal));
        string shown = (await cli.RunAsync("ps", "--format", "{{.Ports}}", "--filter", "name=" + name)).Expect().Line;
        foreach (string part in (string[])["0.0.0.0:8080->80/tcp", "127.0.0.1:8081->80/tcp", "[::]:8080->80/tcp", "0.0.0.0:9000-9001->9000-9001/udp", "81/tcp"])
        {
            Assert.Contains(part, shown.Split(", "));
        }

        JsonNode ports = (await Host.InspectAsync(name))["NetworkSettings"]!["Ports"]!; // an answer has both
        Assert.Equal(5, ports["80/tcp"]!.AsArray().Count);
        Assert.Null(ports["81/tcp"]);

        // From the host, by its loopback, its other addresses and IPv6; from the container itself, its neighbour, and another network.
        foreach (string url in (string[])["127.0.0.1:8080", "127.0.0.1:8081", $"127.0.0.1:{any}", "[::1]:8080"])
        {
            Assert.Equal(name, await Host.FetchAsync($"http://{url}/hostname"));
        }

        string gateway = (string)(await Host.EndpointAsync(name, network))!["Gateway"]!; // it is in it
        Assert.Equal(name, await Host.FetchAsync($"http://{gateway}:8080/hostname"));
        Assert.Equal(name, await Host.FetchFromAsync(name, $"http://{gateway}:8080/hostname"));
        await Host.RunSleepingAsync(other);
        Assert.Equal(name, await Host.FetchFromAsync(other, $"http://{gateway}:8080/hostname"));
        Assert.True(await Host.IsClosedFromAsync(other, $"http://{gateway}:8081/hostname"));
        Assert.True(await Host.IsClosedFromAsync(other, "http://127.0.0.1:8081/hostname"));
        (await cli.RunAsync("stop", "-t", "0", name)).Expect();
        Assert.True(await Host.IsClosedAsync("http://127.0.0.1:8080/hostname"));
        Assert.Equal("", (await cli.RunAsync("port", name)).Expect().Output);
        await fixture.RemoveAsync([name, other], network);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task Every_exposed_port_gets_one_with_P(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "-P", "--name", name, "--hostname", name, "--expose", "80", "--expose", "90-91/udp", "busybox", "httpd", "-f", "-p", "80", "-h", "/etc")).Expect();
        string[] told = (await cli.RunAsync("port", name)).Expect().Line.Split('\n');
        Assert.Equal(["80/tcp", "80/tcp", "90/udp", "90/udp", "91/udp", "91/udp"], told.Select(static line => line.Split(' ')[0]));
        string port = told.First(static line => line.StartsWith("80/tcp -> 0.0.0.0:", StringComparison.Ordinal)).Split(':')[^1];
        Assert.Equal(name, await Host.FetchAsync($"http://127.0.0.1:{port}/hostname"));
        await fixture.RemoveAsync([name]);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_range_gives_one_that_is_free(string client)
    {
        Cli cli = fixture.Client(client);
        string[] names = [fixture.NewName(), fixture.NewName(), fixture.NewName()];
        foreach (string name in names[..2])
        {
            (await cli.RunAsync("run", "-d", "--name", name, "-p", "127.0.0.1:8090-8091:80", "busybox", "sleep", "1000")).Expect();
        }

        Assert.Equal("80/tcp -> 127.0.0.1:8090", (await cli.RunAsync("port", names[0])).Expect().Line);
        Assert.Equal("80/tcp -> 127.0.0.1:8091", (await cli.RunAsync("port", names[1])).Expect().Line);
        Assert.Contains("all ports are allocated", (await cli.RunAsync("run", "-d", "--name", names[2], "-p", "127.0.0.1:8090-8091:80", "busybox", "true")).Expect(125).Error, StringComparison.Ordinal);
        (await cli.RunAsync("rm", "-f", names[0])).Expect();
        (await cli.RunAsync("start", names[2])).Expect();
        await fixture.RemoveAsync(names[1..]);
    }

    [Fact]
    public async Task Datagrams_come_and_go()
    {
        string name = fixture.NewName(), user = fixture.NewName();
        await Host.RunSleepingAsync(name, "-p", "9053:53/udp");
        using var echo = new DatagramEcho(await Host.NamespaceOfAsync(name), 53, "seen ");
        string gateway = (string)(await Host.EndpointAsync(name, "bridge"))!["Gateway"]!; // it is in it
        Assert.Equal("seen by lo", Ask(fixture.Daemon.NamespacePath, "127.0.0.1", "by lo"));
        Assert.Equal("seen by address", Ask(fixture.Daemon.NamespacePath, gateway, "by address"));
        Assert.Equal("seen by IPv6", Ask(fixture.Daemon.NamespacePath, "::1", "by IPv6"));
        await Host.RunSleepingAsync(user);
        Assert.Equal("seen from beside", Ask(await Host.NamespaceOfAsync(user), gateway, "from beside"));
        Assert.Equal("seen from itself", Ask(await Host.NamespaceOfAsync(name), gateway, "from itself"));
        await fixture.RemoveAsync([user, name]);

        static string? Ask(string path, string server, string question) =>
            NamespaceSocket.Ask(path, new IPEndPoint(IPAddress.Parse(server), 9053), Encoding.ASCII.GetBytes(question), 10_000) is { } answer ? Encoding.ASCII.GetString(answer) : null;
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task A_port_that_is_taken_is_told_and_nothing_is_half_made(string client)
    {
        Cli cli = fixture.Client(client);
        string first = fixture.NewName(), second = fixture.NewName();
        await Host.RunServerAsync(first, "-p", "127.0.0.1:8095:80");
        Assert.Equal(first, await Host.FetchAsync("http://127.0.0.1:8095/hostname"));
        string before = await Host.KernelAsync();
        CommandResult refused = (await cli.RunAsync("run", "-d", "--name", second, "-p", "8096:81", "-p", "127.0.0.1:8095:80", "busybox", "sleep", "1000")).Expect(125);
        Assert.Contains("Bind for 127.0.0.1:8095 failed: port is already allocated", refused.Error, StringComparison.Ordinal);
        Assert.Contains($"driver failed programming external connectivity on endpoint {second} (", refused.Error, StringComparison.Ordinal);
        await Host.ExpectKernelAsync(before);
        Assert.Equal("created", (string?)(await Host.InspectAsync(second))["State"]!["Status"]);
        Assert.Equal("", await Host.AddressAsync(second, "bridge"));
        await fixture.RemoveAsync([first]);
        (await cli.RunAsync("start", second)).Expect();
        await fixture.RemoveAsync([second]);

        // The same where another program of the host has it.
        using Socket taken = NamespaceSocket.Open(fixture.Daemon.NamespacePath, AddressFamily.InterNetwork, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 8097));
        taken.Listen();
        before = await Host.KernelAsync();
        Assert.Contains("address already in use", (await cli.RunAsync("run", "-d", "--name", second, "-p", "8097:80", "busybox", "true")).Expect(125).Error, StringComparison.OrdinalIgnoreCase);
        await Host.ExpectKernelAsync(before);
        await fixture.RemoveAsync([second]);
    }
}
