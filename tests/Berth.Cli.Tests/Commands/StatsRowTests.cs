using System.Text.Json;
using Berth.Api;
using Berth.Cli.Commands.Containers;
using Berth.Cli.Formatting;

namespace Berth.Cli.Tests.Commands;

public sealed class StatsRowTests
{
    private const string Measured = """
        {"read":"2024-01-01T00:00:01Z","preread":"2024-01-01T00:00:00Z","pids_stats":{"current":3,"limit":100},
         "blkio_stats":{"io_service_bytes_recursive":[{"major":8,"minor":0,"op":"Read","value":1000000},{"major":8,"minor":0,"op":"Write","value":2500},{"major":8,"minor":0,"op":"Total","value":1002500}]},
         "num_procs":0,"storage_stats":{},"cpu_stats":{"cpu_usage":{"total_usage":3000000000,"usage_in_kernelmode":0,"usage_in_usermode":0},"system_cpu_usage":10000000000,"online_cpus":4,"throttling_data":{}},
         "precpu_stats":{"cpu_usage":{"total_usage":2500000000,"usage_in_kernelmode":0,"usage_in_usermode":0},"system_cpu_usage":8000000000,"online_cpus":4,"throttling_data":{}},
         "memory_stats":{"usage":104857600,"stats":{"total_inactive_file":52428800},"limit":1073741824},
         "networks":{"eth0":{"rx_bytes":1500,"tx_bytes":20},"eth1":{"rx_bytes":500,"tx_bytes":0}},
         "name":"/web","id":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
        """;

    [Fact]
    public void A_measurement_is_shown_in_dockers_units() => Assert.Equal(
        "web|0123456789ab|web|100.00%|50MiB / 1GiB|4.88%|2kB / 20B|1MB / 2.5kB|3",
        Row(new StatsRow("web", Parse(Measured), truncate: true)));

    [Fact]
    public void Version_2_of_cgroups_calls_inactive_pages_otherwise() => Assert.Equal(
        "50MiB / 1GiB", new StatsRow("web", Parse(Measured.Replace("total_inactive_file", "inactive_file", StringComparison.Ordinal)), truncate: true).GetField("MemUsage", ""));

    [Fact]
    public void A_container_that_does_not_run_uses_nothing() => Assert.Equal(
        "x|abc|web|0.00%|0B / 0B|0.00%|0B / 0B|0B / 0B|0", Row(new StatsRow("x", new ContainerStats { Name = "/web", Id = "abc" }, truncate: true)));

    [Fact]
    public void What_is_not_measured_yet_is_shown_as_unknown() =>
        Assert.Equal("x|x|--|--|-- / --|--|--|--|--", Row(new StatsRow("x", null, truncate: true)));

    private static string Row(StatsRow row) =>
        ListFormat.Parse("{{.Container}}|{{.ID}}|{{.Name}}|{{.CPUPerc}}|{{.MemUsage}}|{{.MemPerc}}|{{.NetIO}}|{{.BlockIO}}|{{.PIDs}}").Render([row], StatsRow.Header).TrimEnd('\n');

    private static ContainerStats Parse(string json) => JsonSerializer.Deserialize(json, ApiJson.Context.ContainerStats)!; // no null is written here
}
