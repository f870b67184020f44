using System.Diagnostics;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Cgroups.Systemd;

namespace Berth.Runtime.Tests.Cgroups.Systemd;

/// <summary>Scopes of a real systemd; eng/vm runs them, as they need a host that it keeps.</summary>
[Trait("Needs", "vm")]
public sealed class ScopeTests
{
    private static bool HasSystemd => Directory.Exists("/run/systemd/system");

    [Fact]
    public void AScopeIsMadeChangedAndRemoved()
    {
        if (!HasSystemd)
            return; // no systemd keeps this host
        string id = Path.GetRandomFileName().Replace(".", "", StringComparison.Ordinal);
        var request = new CgroupRequest { ContainerId = id, Systemd = true };
        CgroupLocation location = ContainerCgroup.Locate(request);
        string unit = $"berth-{id}.scope", folder = location.Folders[""];
        ContainerCgroup cgroup = ContainerCgroup.Create(request, location, new ResourcesSpec
        {
            Memory = new MemorySpec { Limit = 64 << 20 },
            Pids = new PidsSpec(20),
            Cpu = new CpuSpec { Quota = 20000, Period = 100000, Cpus = "0" },
            Devices = [new DeviceRuleSpec { Allow = false, Access = "rwm" }, new DeviceRuleSpec { Allow = true, Type = "c", Major = 10, Minor = 229, Access = "rwm" }],
        });
        using Process sleep = Process.Start("sh", ["-c", $"echo $$ > {cgroup.JoinFiles(SubCgroup.None, 0).Single()}; exec sleep 1000"]);
        while (cgroup.Members(recursive: true).Count < 2)
            Thread.Sleep(5);
        cgroup.Joined();
        Assert.Equal([sleep.Id], cgroup.Members(recursive: true));
        Assert.Equal("active", Ask(unit, "ActiveState"));
        Assert.Equal("system.slice", Ask(unit, "Slice"));
        Assert.Equal($"{64 << 20}", Ask(unit, "MemoryMax"));
        Assert.Equal("20", Ask(unit, "TasksMax"));
        Assert.Equal("yes", Ask(unit, "Delegate"));
        Assert.Equal($"{64 << 20}", File.ReadAllText(folder + "/memory.max").Trim());
        Assert.Equal("20000 100000", File.ReadAllText(folder + "/cpu.max").Trim());
        Assert.Equal("0", File.ReadAllText(folder + "/cpuset.cpus").Trim());

        cgroup.Update(new ResourcesSpec { Memory = new MemorySpec { Limit = 32 << 20 }, Pids = new PidsSpec(-1) });
        Run("systemctl", "daemon-reload");
        Assert.Equal($"{32 << 20}", Ask(unit, "MemoryMax"));
        Assert.Equal($"{32 << 20}", File.ReadAllText(folder + "/memory.max").Trim());
        Assert.Equal("max", File.ReadAllText(folder + "/pids.max").Trim());

        cgroup.Freeze();
        Assert.True(ContainerCgroup.Open(location).IsFrozen);
        ContainerCgroup.Open(location).Remove();
        Assert.True(sleep.WaitForExit(5000));
        Assert.False(Directory.Exists(folder));
        Assert.Equal("not-found", Ask(unit, "LoadState"));
        ContainerCgroup.Open(location).Remove();
    }

    [Fact]
    public void AFailedStartLeavesNoScope()
    {
        if (!HasSystemd)
            return; // no systemd keeps this host
        string id = Path.GetRandomFileName().Replace(".", "", StringComparison.Ordinal);
        var request = new CgroupRequest { ContainerId = id, Systemd = true };
        CgroupLocation location = ContainerCgroup.Locate(request);
        Exception failure = Assert.ThrowsAny<Exception>(() => ContainerCgroup.Create(request, location, new ResourcesSpec
        {
            HugepageLimits = [new HugepageLimitSpec("3MB", 0)],
        }));
        Assert.Contains("hugetlb.3MB", failure.Message);
        Assert.False(location.Exists());
        Assert.Equal("not-found", Ask($"berth-{id}.scope", "LoadState"));
    }

    [Fact]
    public void AnotherScopeIsLeftAlone()
    {
        if (!HasSystemd)
            return; // no systemd keeps this host
        string id = Path.GetRandomFileName().Replace(".", "", StringComparison.Ordinal);
        using Process other = Process.Start("systemd-run", ["--scope", "--quiet", $"--unit=berth-{id}.scope", "sleep", "1000"]);
        while (Ask($"berth-{id}.scope", "ActiveState") != "active")
            Thread.Sleep(20);
        var request = new CgroupRequest { ContainerId = id, Systemd = true };
        SystemdException refused = Assert.Throws<SystemdException>(() => ContainerCgroup.Create(request, ContainerCgroup.Locate(request), null));
        Assert.Equal("org.freedesktop.systemd1.UnitExists", refused.Name);
        Assert.False(other.HasExited);
        Run("systemctl", "stop", $"berth-{id}.scope");
        other.WaitForExit();
    }

    private static string Ask(string unit, string property) => Run("systemctl", "show", "--value", "-p", property, unit);

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, UseShellExecute = false })!; // started, not shared
        string output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return output;
    }
}
