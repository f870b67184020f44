using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Berth.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Berth.EndToEnd.Tests.Networks;

/// <summary>Whatever was done: when everything is removed, nothing is left in the kernel.</summary>
public sealed class NetworkCleanupTests(ITestOutputHelper output)
{
    // The same test by hand for longer: BERTH_NETWORK_OPERATIONS.
    private static readonly int Operations = int.TryParse(Environment.GetEnvironmentVariable("BERTH_NETWORK_OPERATIONS"), CultureInfo.InvariantCulture, out int count) ? count : 500;

    [Fact]
    public async Task Nothing_is_left_of_many_operations()
    {
        int seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using RunningDaemon daemon = await RunningDaemon.CreateAsync(null, RunningDaemon.OwnNetwork);
        var host = new HostNamespace(daemon);
        string before = await host.KernelAsync();
        int namespaces = NamespacesOf(daemon);
        var clock = Stopwatch.StartNew();
        List<string> networks = [], containers = [];
        for (int i = 0; i < Operations; i++)
        {
            await StepAsync(daemon, random, i, networks, containers);
        }

        await daemon.RemoveEverythingAsync();
        foreach (string network in networks)
        {
            (await daemon.Api.DeleteAsync("/networks/" + network)).Expect(HttpStatusCode.NoContent);
        }

        output.WriteLine($"{Operations} operations in {clock.Elapsed.TotalSeconds:F1} s");
        await host.ExpectKernelAsync(before, $"seed {seed}");
        Assert.Equal(namespaces, NamespacesOf(daemon));
        Assert.DoesNotContain(" error: ", daemon.Log, StringComparison.Ordinal);
    }

    // Whatever is chosen must be answered; that some of it is refused (a port that is taken, a container that is in the network already) is a part of it.
    private static async Task StepAsync(RunningDaemon daemon, Random random, int number, List<string> networks, List<string> containers)
    {
        string network = networks.Count > 0 ? networks[random.Next(networks.Count)] : "bridge", container = containers.Count > 0 ? containers[random.Next(containers.Count)] : "nobody";
        switch (random.Next(12))
        {
            case 0 or 1:
                var options = new JsonObject { ["com.docker.network.bridge.enable_icc"] = random.Next(3) == 0 ? "false" : "true" };
                await AnswerAsync(daemon.Api.PostAsync("/networks/create", new JsonObject { ["Name"] = $"net{number}", ["EnableIPv6"] = random.Next(2) == 0, ["Internal"] = random.Next(4) == 0, ["Options"] = options }));
                networks.Add($"net{number}");
                break;
            case 2 or 3 or 4:
                JsonObject request = EngineHttp.Request(["sleep", "1000"]);
                var host = new JsonObject { ["NetworkMode"] = random.Next(4) == 0 ? "bridge" : network, ["AutoRemove"] = random.Next(4) == 0 };
                if (random.Next(2) == 0)
                {
                    request["ExposedPorts"] = new JsonObject { ["80/tcp"] = new JsonObject(), ["81/udp"] = new JsonObject() };
                    host["PortBindings"] = new JsonObject { ["80/tcp"] = new JsonArray(new JsonObject { ["HostPort"] = $"{8000 + random.Next(6)}" }), ["81/udp"] = new JsonArray(new JsonObject { ["HostPort"] = "" }) };
                }

                request["HostConfig"] = host;
                (await daemon.Api.PostAsync($"/containers/create?name=c{number}", request)).Expect(HttpStatusCode.Created);
                await AnswerAsync(daemon.Api.PostAsync($"/containers/c{number}/start"));
                containers.Add($"c{number}");
                break;
            case 5 or 6:
                await AnswerAsync(daemon.Api.PostTextAsync($"/networks/{network}/connect", $$"""{"Container":"{{container}}"}"""));
                break;
            case 7:
                await AnswerAsync(daemon.Api.PostTextAsync($"/networks/{network}/disconnect", $$"""{"Container":"{{container}}"}"""));
                break;
            case 8 when random.Next(3) == 0:
                KillOne(daemon, random);
                break;
            case 8:
                await AnswerAsync(daemon.Api.PostAsync($"/containers/{container}/kill"));
                break;
            case 9:
                await AnswerAsync(daemon.Api.PostAsync($"/containers/{container}/start"));
                break;
            case 10:
                await AnswerAsync(random.Next(2) == 0 ? daemon.Api.DeleteAsync($"/containers/{container}?force=1") : daemon.Api.PostAsync($"/containers/{container}/restart?t=0"));
                break;
            case 11 when random.Next(3) == 0:
                await daemon.KillAsync();
                await daemon.StartAsync();
                break;
            default:
                if ((await AnswerAsync(daemon.Api.DeleteAsync("/networks/" + network))).Status == HttpStatusCode.NoContent)
                {
                    networks.Remove(network);
                }

                break;
        }
    }

    // A container's process, behind the daemon's back.
    private static void KillOne(RunningDaemon daemon, Random random)
    {
        List<int> processes = [.. Leftovers.Processes(daemon).Where(static pid => Leftovers.CommandLine(pid).StartsWith("sleep 1000", StringComparison.Ordinal))];
        if (processes.Count > 0)
        {
            RunningDaemon.Signal(processes[random.Next(processes.Count)], "KILL");
        }
    }

    // Descriptors of network namespaces: what keeps one that nobody is in.
    private static int NamespacesOf(RunningDaemon daemon) =>
        new DirectoryInfo($"/proc/{daemon.Pid}/fd").EnumerateFileSystemInfos().Count(static link => link.LinkTarget?.StartsWith("net:", StringComparison.Ordinal) == true);

    private static async Task<Reply> AnswerAsync(Task<Reply> request)
    {
        Reply reply = await request;
        Assert.True((int)reply.Status < 500 || reply.Text.Contains("already allocated", StringComparison.Ordinal), $"{(int)reply.Status} {reply.Text}");
        return reply;
    }
}
