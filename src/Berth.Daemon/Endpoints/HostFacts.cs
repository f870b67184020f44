using System.Security.Cryptography;
using System.Text;

namespace Berth.Daemon.Endpoints;

/// <summary>What <c>info</c> and <c>version</c> tell about the machine; read once.</summary>
internal sealed record HostFacts
{
    private readonly Lazy<string> id;

    private HostFacts(string machine, string dataRoot) => id = new Lazy<string>(() => new Guid(SHA256.HashData(Encoding.UTF8.GetBytes(machine + "\0" + dataRoot)).AsSpan(0, 16)).ToString());

    /// <summary>Made when it is first asked for: the library that hashes takes 4 MB.</summary>
    public string Id => id.Value;

    /// <summary>Whether the host sends packets of IPv4 on from one link to another, at this moment.</summary>
    public static bool IsForwarding => File.ReadAllText("/proc/sys/net/ipv4/ip_forward").Trim() != "0";

    public required string KernelVersion { get; init; }
    public required string OperatingSystem { get; init; }
    public required string OsVersion { get; init; }
    public required long MemoryBytes { get; init; }
    public required string CgroupVersion { get; init; }

    /// <param name="dataRoot">Names this engine: its id is derived from the machine's and this path.</param>
    public static HostFacts Read(string dataRoot)
    {
        Dictionary<string, string> release = File.Exists("/etc/os-release")
            ? File.ReadLines("/etc/os-release").Select(static line => line.Split('=', 2)).Where(static parts => parts.Length == 2)
                .DistinctBy(static parts => parts[0]).ToDictionary(static parts => parts[0], static parts => parts[1].Trim('"'), StringComparer.Ordinal)
            : [];
        string machine = File.Exists("/etc/machine-id") ? File.ReadAllText("/etc/machine-id").Trim() : Environment.MachineName;
        return new HostFacts(machine, dataRoot)
        {
            KernelVersion = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
            OperatingSystem = release.GetValueOrDefault("PRETTY_NAME", "Linux"),
            OsVersion = release.GetValueOrDefault("VERSION_ID", ""),
            MemoryBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            CgroupVersion = File.Exists("/sys/fs/cgroup/cgroup.controllers") ? "2" : "1",
        };
    }
}
