using Berth.Api;
using Berth.Engine.Networks;

namespace Berth.Daemon.Mapping;

/// <summary>What is said of networks as a whole, as the API has it.</summary>
internal static class DiagnosisMapping
{
    /// <param name="found">What was found.</param>
    /// <param name="nameOf">A container's name by its id; null: it is gone.</param>
    public static NetworkDiagnosisAnswer ToAnswer(NetworkDiagnosis found, Func<string, string?> nameOf) => new()
    {
        IPv4Forwarding = found.Host.ForwardsIPv4,
        IPv6Forwarding = found.Host.ForwardsIPv6,
        Table = found.Host.Table,
        Findings = [.. found.Findings.Select(static finding => new NetworkFinding { Level = finding.IsProblem ? "problem" : "note", Text = finding.Text, Advice = finding.Advice })],
        Networks = [.. found.Networks.Select(static network => new DiagnosedNetwork
        {
            Name = network.Record.Config.Name,
            Driver = network.Record.Config.Driver,
            Subnets = [.. network.Record.Pools.Select(static pool => pool.Subnet)],
            Reach = network.Reach,
        })],
        Reachable = [.. found.Exposures.Select(exposure => new NetworkExposure
        {
            ContainerId = exposure.ContainerId,
            Container = nameOf(exposure.ContainerId) ?? exposure.ContainerId[..12],
            Network = exposure.Network,
            From = exposure.From,
            To = exposure.To,
            By = exposure.By,
            HostOnly = exposure.IsHostOnly,
        })],
    };
}
