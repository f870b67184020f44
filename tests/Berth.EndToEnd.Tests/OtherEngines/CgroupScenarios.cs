using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>What needs cgroups: limits, their changes, pauses, figures.</summary>
public abstract class CgroupScenarios(EngineFixture fixture) : ProcessScenarios(fixture)
{
    private const string ShowLimits =
        "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares pids/pids.max cpuset/cpuset.cpus 2>/dev/null || cat memory.max cpu.max cpu.weight pids.max cpuset.cpus";

    [EngineFact]
    public async Task LimitsAreSetAndChanged()
    {
        string name = await StartAsync("-m 50m --memory-swap 60m --cpus 0.5 --cpu-shares 300 --pids-limit 33 --cpuset-cpus 0", "sleep", "1000");
        string[] first = (await Cli.RunAsync("exec", name, "sh", "-c", ShowLimits)).Expect().Line.Split('\n');
        Assert.Equal("52428800", first[0]);
        Assert.StartsWith("50000", first[1], StringComparison.Ordinal);
        Assert.Equal(["33", "0"], first[3..5]);
        (await Cli.RunAsync("update", "-m", "64m", "--memory-swap", "70m", "--cpus", "0.7", "--cpu-shares", "200", name)).Expect();
        string[] second = (await Cli.RunAsync("exec", name, "sh", "-c", ShowLimits)).Expect().Line.Split('\n');
        Assert.Equal("67108864", second[0]);
        Assert.StartsWith("70000", second[1], StringComparison.Ordinal);
        Assert.Equal(["33", "0"], second[3..5]);
        Assert.NotEqual(first[2], second[2]);
    }

    [EngineFact]
    public async Task MemoryEnds()
    {
        string name = await StartAsync("-m 20m --memory-swap 20m", "sh", "-c", "sleep 0.5; tail /dev/zero");
        Assert.Equal("137", (await Cli.RunAsync("wait", name)).Expect().Line);
    }

    [EngineFact]
    public async Task APauseStopsEverything()
    {
        string name = await StartAsync("", "sh", "-c", "while true; do echo x >>/ticks; sleep 0.02; done");
        (await Cli.RunAsync("pause", name)).Expect();
        Assert.Equal("paused", await InspectAsync(name, "{{.State.Status}}"));
        Assert.NotEqual(0, (await Cli.RunAsync("exec", name, "true")).ExitCode);
        (await Cli.RunAsync("unpause", name)).Expect();
        Assert.Equal("running", await InspectAsync(name, "{{.State.Status}}"));
        (await Cli.RunAsync("exec", name, "true")).Expect();
        (await Cli.RunAsync("pause", name)).Expect();
        (await Cli.RunAsync("rm", "-f", name)).Expect();
    }

    [EngineFact]
    public async Task ProcessesAndFiguresAreShown()
    {
        string name = await StartAsync("", "sh", "-c", "sleep 4321 & wait");
        await Poll.UntilAsync(async () => (await TopAsync(name)).Contains("sleep 4321", StringComparison.Ordinal), "the processes of the container");
        string[] stats = (await Cli.RunAsync("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", name)).Expect().Line.Split(' ');
        Assert.Equal([name, "2"], stats[^2..]);
    }

    [EngineFact]
    public async Task DevicesAreGiven() => Assert.Equal("1:b", (await RunAsync("--device /dev/kmsg", "stat", "-c", "%t:%T", "/dev/kmsg")).Expect().Line);

    [EngineFact]
    public async Task CgroupNamespaces()
    {
        const string Show = "grep -e memory -e ^0:: /proc/self/cgroup | head -n1 | cut -d: -f3";
        Assert.Equal("/", (await RunAsync("--cgroupns private", "sh", "-c", Show)).Expect().Line);
        Assert.NotEqual("/", (await RunAsync("--cgroupns host", "sh", "-c", Show)).Expect().Line);
    }

    /// <summary>The command lines of the container's processes.</summary>
    protected abstract Task<string> TopAsync(string name);
}
