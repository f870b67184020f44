using System.Diagnostics;
using Berth.Linux;
using Berth.Network.Drivers;
using Berth.Network.Drivers.Bridge;
using Xunit.Abstractions;

namespace Berth.Network.Tests.Drivers.Bridge;

/// <summary>What it costs, printed and nothing more: machines of tests are busy.</summary>
public sealed class HostNetworkMeasures(ITestOutputHelper output) : IDisposable
{
    private const int Count = 200;
    private readonly HostLab lab = new();

    public void Dispose() => lab.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ManyContainersAreConnected(bool hasIPv6)
    {
        BridgePlan network = lab.AddNetwork(10, _ => HostLab.Plan(10, hasIPv6));
        List<FileDescriptor> sandboxes = [.. Enumerable.Range(0, Count).Select(_ => lab.Own(HostNetwork.CreateSandbox()))];
        List<EndpointPlan> plans = [.. Enumerable.Range(0, Count).Select(i => HostLab.EndpointOf(network, i + 2) with { Ports = [HostLab.Tcp(10000 + i, 80)] })];
        double[] connected = [.. Enumerable.Range(0, Count).Select(i => Milliseconds(() => lab.Network.Connect(plans[i], sandboxes[i])))];
        double restored = Milliseconds(() => Assert.Empty(lab.Network.Restore([network], plans)));
        double[] disconnected = [.. plans.Select(plan => Milliseconds(() => lab.Network.Disconnect(plan, sandbox: null)))];
        double[] first = connected[20..70], last = connected[^50..];
        output.WriteLine($"{(hasIPv6 ? "IPv4 and IPv6" : "IPv4")}: connect {Median(first):F2} ms (least {first.Min():F2}), with {Count} there {Median(last):F2} ms (least {last.Min():F2}); "
            + $"restore of all {restored:F1} ms; rules of one removed {Median(disconnected):F3} ms");
    }

    private static double Milliseconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
