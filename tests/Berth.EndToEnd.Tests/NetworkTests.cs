using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests;

/// <summary>The networks that exist, and the clear refusal of what does not exist yet.</summary>
public sealed class NetworkTests(DaemonFixture fixture) : IClassFixture<DaemonFixture>
{
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task NoneIsALoopbackAlone(string client)
    {
        CommandResult result = await fixture.Client(client).RunAsync("run", "--rm", "--network", "none", "busybox", "sh", "-c", "ls /sys/class/net; ping -c 1 -W 1 127.0.0.1 | grep -c 'bytes from'");
        Assert.Equal("lo\n1\n", result.Expect().Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task HostIsTheHostsNamespace(string client)
    {
        CommandResult result = await fixture.Client(client).RunAsync("run", "--rm", "--network", "host", "busybox", "sh", "-c", "readlink /proc/self/ns/net; hostname");
        Assert.Equal($"{new FileInfo("/proc/self/ns/net").LinkTarget}\n{Environment.MachineName}\n", result.Expect().Output);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task AnotherContainersNetworkIsShared(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        (await cli.RunAsync("run", "-d", "--network", "none", "--name", name, "busybox", "sleep", "1000")).Expect();
        string first = (await cli.RunAsync("exec", name, "readlink", "/proc/self/ns/net")).Expect().Line;
        Assert.Equal(first, (await cli.RunAsync("run", "--rm", "--network", "container:" + name, "busybox", "readlink", "/proc/self/ns/net")).Expect().Line);
        Assert.NotEqual(first, (await cli.RunAsync("run", "--rm", "--network", "none", "busybox", "readlink", "/proc/self/ns/net")).Expect().Line);
        (await cli.RunAsync("kill", name)).Expect();
        (await cli.RunAsync("wait", name)).Expect();
        CommandResult late = await cli.RunAsync("run", "--rm", "--network", "container:" + name, "busybox", "true");
        Assert.Contains("cannot join network of a non running container", late.Expect(125).Error, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task WhatBelongsToAnothersNamespaceCannotBeAskedFor(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName();
        Assert.Contains(
            "conflicting options: hostname and the network mode",
            (await cli.RunAsync("create", "--network", "container:" + name, "--hostname", "x", "busybox")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains(
            "conflicting options: hostname and the UTS mode",
            (await cli.RunAsync("create", "--network", "none", "--uts", "host", "--hostname", "x", "busybox")).Expect(1).Error, StringComparison.Ordinal);
        Assert.Contains(
            "conflicting options: port exposing and the container type network mode",
            (await cli.RunAsync("create", "--network", "container:" + name, "--expose", "80", "busybox")).Expect(1).Error, StringComparison.Ordinal);
    }

    /// <summary>Whose network is joined is looked up at the start, as docker does: the container may be made before the other.</summary>
    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task TheJoinedContainerIsLookedUpAtTheStart(string client)
    {
        Cli cli = fixture.Client(client);
        string name = fixture.NewName(), other = fixture.NewName();
        (await cli.RunAsync("create", "--name", name, "--network", "container:" + other, "busybox", "true")).Expect();
        Assert.Contains("No such container: " + other, (await cli.RunAsync("start", name)).Expect(1).Error, StringComparison.Ordinal);
        (await cli.RunAsync("run", "-d", "--name", other, "--network", "none", "busybox", "sleep", "1000")).Expect();
        (await cli.RunAsync("start", name)).Expect();
        (await cli.RunAsync("rm", "-f", name, other)).Expect();
    }

    [Theory, MemberData(nameof(Clients.All), MemberType = typeof(Clients))]
    public async Task WithoutADefaultNetworkThereIsALoopbackAlone(string client)
    {
        CommandResult result = (await fixture.Client(client).RunAsync("run", "--rm", "busybox", "ls", "/sys/class/net")).Expect();
        Assert.Equal("lo\n", result.Output);
        Assert.Equal("", result.Error);
    }

    public static TheoryData<string, string[]> Unbuilt => new()
    {
        { "Binds", ["-v", "named:/mnt"] },
        { "Mounts", ["--mount", "type=volume,source=named,target=/mnt"] },
        { "Devices", ["--device", "/dev/fuse"] },
        { "VolumesFrom", ["--volumes-from", "x"] },
    };

    /// <summary>Nothing is accepted and ignored: an option that is not built is refused by its name, and no container is left.</summary>
    [Theory, MemberData(nameof(Unbuilt))]
    public async Task AnOptionThatIsNotBuiltIsRefusedByName(string member, string[] flags)
    {
        foreach (string client in Clients.Names)
        {
            string name = fixture.NewName();
            CommandResult result = await fixture.Client(client).RunAsync([.. (string[])["run", "--rm", "--network", "none", "--name", name], .. flags, "busybox", "true"], stdin: null);
            Assert.True(result.ExitCode == 125, $"{client}: ended with {result.ExitCode}\n{result.Error}");
            if (client == Clients.Docker)
            {
                Assert.Contains(member, result.Error, StringComparison.Ordinal);
            }

            Assert.Contains("not supported yet", result.Error, StringComparison.Ordinal);
            (await fixture.Api.GetAsync($"/containers/{name}/json")).Expect(HttpStatusCode.NotFound);
        }
    }

    [Theory]
    [InlineData("Binds", "[\"named:/mnt\"]")]
    [InlineData("SomethingNew", "true")]
    public async Task TheStatusIsNotImplemented(string member, string value)
    {
        JsonObject request = EngineHttp.Request(["true"]);
        request["HostConfig"]![member] = JsonNode.Parse(value); // the request has one
        Reply reply = (await fixture.Api.PostAsync("/containers/create", request)).Expect(HttpStatusCode.NotImplemented);
        Assert.Contains(member, reply.Message, StringComparison.Ordinal);
    }
}
