using Berth.EndToEnd.Tests.Support;

namespace Berth.EndToEnd.Tests.OtherEngines;

/// <summary>What shares namespaces and rights with the host.</summary>
public abstract class HostScenarios(EngineFixture fixture) : CgroupScenarios(fixture)
{
    [EngineFact]
    public async Task PrivilegedMayMountAndSeesDevices()
    {
        CommandResult result = (await RunAsync("--privileged", "sh", "-c", "mount -t tmpfs x /tmp && grep -c ' /tmp ' /proc/mounts; awk '/^Seccomp:/ {print $2}' /proc/self/status; readlink /dev/ptmx; ls /dev | grep -c '^kmsg$'")).Expect();
        Assert.Equal("1\n0\npts/ptmx\n1", result.Line);
        string name = await StartAsync("", "sleep", "1000");
        string[] more = Caps(await Cli.RunAsync("exec", "--privileged", name, "grep", "Cap", "/proc/self/status"));
        Assert.NotEqual(0UL, Convert.ToUInt64(more[2], 16) & 1 << 21);
    }

    [EngineFact]
    public async Task NamespacesOfTheHostAreShared()
    {
        Assert.Equal("host", (await RunAsync("--pid host", "sh", "-c", "test $$ -gt 1 && echo host")).Expect().Line);
        Assert.Equal(File.ReadAllText("/proc/sys/kernel/hostname").Trim(), (await RunAsync("--uts host", "hostname")).Expect().Line);
        string ipc = new FileInfo("/proc/self/ns/ipc").LinkTarget ?? "";
        Assert.Equal(ipc, (await RunAsync("--ipc host", "readlink", "/proc/self/ns/ipc")).Expect().Line);
        Assert.NotEqual(ipc, (await RunAsync("", "readlink", "/proc/self/ns/ipc")).Expect().Line);
    }

    [EngineFact]
    public async Task DevicesAreRuled()
    {
        Assert.Equal("opened", (await RunAsync("--device /dev/kmsg:/dev/other:w", "sh", "-c", ": >/dev/other && echo opened")).Expect().Line);
        Assert.Contains("Operation not permitted", (await RunAsync("--device /dev/kmsg:/dev/other:r", "sh", "-c", ": >/dev/other")).Expect(1).Error, StringComparison.Ordinal);
    }

    /// <summary>Without a pid namespace of its own nothing but the cgroup tells which processes are the container's.</summary>
    [EngineFact]
    public async Task AllProcessesEndWithTheContainerInTheHostsPidNamespace()
    {
        string name = await StartAsync("--pid host", "sh", "-c", "sleep 7654321 & sleep 7654321 & wait");
        await Poll.UntilAsync(async () => Count(await TopAsync(name)) == 2, "two processes");
        (await Cli.RunAsync("rm", "-f", name)).Expect();
        Assert.Equal("0", (await RunAsync("--pid host", "sh", "-c", "ps -o args | grep -c '^sleep 765432[1]'; true")).Expect().Line);
    }

    private static int Count(string top) => top.Split('\n').Count(static line => line.Contains("sleep 7654321", StringComparison.Ordinal) && !line.Contains("wait", StringComparison.Ordinal));
}
