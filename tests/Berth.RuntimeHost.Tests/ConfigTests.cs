using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary>Fields of config.json by the native executable: what nobody knows is ignored, what cannot be is an error that names the field.</summary>
public sealed class ConfigTests : RuntimeTest
{
    [Theory]
    [InlineData("ociVersion", "\"2.0.0\"", "ociVersion \\\"2.0.0\\\"")]
    [InlineData("ociVersion", "\"new\"", "ociVersion \\\"new\\\"")]
    [InlineData("process", "null", "the configuration has no process")]
    [InlineData("process.args", "[]", "no command specified")]
    [InlineData("process.cwd", "\"tmp\"", "cwd \\\"tmp\\\" must be an absolute path")]
    [InlineData("process.consoleSize", "{\"height\":70000,\"width\":1}", "process.consoleSize")]
    [InlineData("process.user.uid", "4294967295", "process.user: 4294967295 is no user")]
    [InlineData("process.user.additionalGids", "[4294967295]", "process.user: 4294967295 is no user or group")]
    [InlineData("process.rlimits", "[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]", "RLIMIT_X")]
    [InlineData("process.rlimits", "[{\"type\":\"RLIMIT_CORE\",\"hard\":1,\"soft\":2}]", "RLIMIT_CORE")]
    [InlineData("process.capabilities.ambient", "[\"CAP_CHOWN\"]", "ambient")]
    [InlineData("process.oomScoreAdj", "-1001", "oomScoreAdj -1001")]
    [InlineData("process.scheduler", "{\"policy\":\"SCHED_X\"}", "scheduler.policy")]
    [InlineData("process.ioPriority", "{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":9}", "ioPriority.priority")]
    [InlineData("root", "null", "the configuration has no root")]
    [InlineData("root.path", "\"nowhere\"", "nowhere")]
    [InlineData("hostname", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "hostname")]
    [InlineData("domainname", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "domainname")]
    [InlineData("mounts.0", "{\"destination\":\"/x\",\"type\":\"nofs\",\"source\":\"none\"}", "/x")]
    [InlineData("mounts.0", "{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"none\",\"options\":[\"nonsense\"]}", "nonsense")]
    [InlineData("mounts.0", "{\"destination\":\"/tmp\",\"type\":\"tmpfs\",\"source\":\"none\",\"options\":[\"idmap\"]}", "of type tmpfs cannot be id-mapped")]
    [InlineData("mounts.0", "{\"destination\":\"/tmp\",\"type\":\"bind\",\"source\":\"/tmp\",\"uidMappings\":[{\"containerID\":0,\"hostID\":0,\"size\":1}]}", "gidMappings")]
    [InlineData("hooks", "{\"poststart\":[{\"path\":\"relative\"}]}", "poststart hook #0: path \\\"relative\\\" must be absolute")]
    [InlineData("hooks", "{\"poststop\":[{\"path\":\"/x\",\"timeout\":-1}]}", "poststop hook #0 (/x): timeout -1")]
    [InlineData("hooks", "{\"startContainer\":[{\"path\":\"/x\",\"timeout\":0}]}", "startContainer hook #0 (/x): timeout 0")]
    [InlineData("linux.namespaces", "[{\"type\":\"pid\"}]", "linux.namespaces has no mount namespace")]
    [InlineData("linux.namespaces", "[{\"type\":\"mount\"},{\"type\":\"pid\"},{\"type\":\"pid\"}]", "namespace 'pid' is given twice")]
    [InlineData("linux.namespaces", "[{\"type\":\"mount\"},{\"type\":\"clock\"}]", "unknown namespace 'clock'")]
    [InlineData("linux.namespaces", "[{\"type\":\"mount\"}]", "a hostname needs a uts namespace")]
    [InlineData("linux.uidMappings", "[{\"containerID\":0,\"hostID\":0,\"size\":1}]", "linux.uidMappings and linux.gidMappings need a user namespace")]
    [InlineData("linux.timeOffsets", "{\"monotonic\":{\"secs\":1}}", "linux.timeOffsets")]
    [InlineData("linux.devices", "[{\"type\":\"x\",\"path\":\"/dev/q\"}]", "/dev/q")]
    [InlineData("linux.devices", "[{\"type\":\"c\",\"path\":\"q\",\"major\":1,\"minor\":3}]", "linux.devices")]
    [InlineData("linux.cgroupsPath", "\"/a/../b\"", "linux.cgroupsPath")]
    [InlineData("linux.resources.devices", "[{\"allow\":false,\"type\":\"q\",\"access\":\"rwm\"}]", "linux.resources.devices")]
    [InlineData("linux.resources.devices", "[{\"allow\":false,\"type\":\"c\",\"access\":\"x\"}]", "linux.resources.devices")]
    [InlineData("linux.resources.cpu", "{\"cpus\":\"many\"}", "cpu.cpus")]
    [InlineData("linux.resources.cpu", "{\"period\":1}", "cpu.period")]
    [InlineData("linux.resources.memory", "{\"swappiness\":1000}", "memory.swappiness")]
    [InlineData("linux.resources.hugepageLimits", "[{\"pageSize\":\"3XB\",\"limit\":1}]", "3XB")]
    [InlineData("linux.intelRdt", "{\"closID\":\"gold\"}", "linux.intelRdt is not supported")]
    [InlineData("linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_X\"}", "SCMP_ACT_X")]
    [InlineData("linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_VAX\"]}", "SCMP_ARCH_VAX")]
    [InlineData("linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_X\"]}", "SECCOMP_FILTER_FLAG_X")]
    [InlineData("linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}", "SCMP_ACT_ALLOW takes no errno")]
    [InlineData("linux.rootfsPropagation", "\"sideways\"", "rootfsPropagation 'sideways'")]
    [InlineData("linux.maskedPaths", "[\"relative\"]", "linux.maskedPaths")]
    [InlineData("linux.readonlyPaths", "[\"relative\"]", "linux.readonlyPaths")]
    [InlineData("linux.sysctl", "{\"vm.swappiness\":\"1\"}", "vm.swappiness")]
    [InlineData("linux.personality", "{\"domain\":\"BSD\"}", "linux.personality.domain")]
    public void WhatCannotBeIsAnErrorThatNamesIt(string path, string value, string message)
    {
        Set(path, JsonNode.Parse(value));
        string errors = Expect(1, "create", NewId()).Errors;
        Assert.Contains(message, errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(State) && Directory.GetDirectories(State).Length > 0);
    }

    [Fact]
    public void WhatNobodyKnowsIsIgnored()
    {
        foreach (string path in (string[])["futureField", "process.futureField", "root.futureField", "process.user.username", "process.commandLine", "linux.futureField", "linux.resources.futureField", "linux.netDevices"])
            Set(path, JsonNode.Parse("{\"a\":[1,{\"b\":null}]}"));
        foreach (string system in (string[])["windows", "solaris", "vm", "zos"])
            Set(system, new JsonObject());
        Set("mounts.0.futureField", 1);
        Set("annotations", new JsonObject { ["com.example.unknown"] = "kept" });
        string id = Running();
        Assert.Equal("kept", StateOf(id)["annotations"]!["com.example.unknown"]!.GetValue<string>());
    }

    [Fact]
    public void TheVersionOfTheConfigurationIsTheStates()
    {
        Set("ociVersion", "1.0.2-dev");
        Assert.Equal("1.0.2-dev", StateOf(Created())["ociVersion"]!.GetValue<string>());
    }

    [Fact]
    public void HostnameAndDomainnameAreSet()
    {
        Set("hostname", "one");
        Set("domainname", "two.example");
        SetProgram("cat", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname");
        Assert.Equal("one\ntwo.example\n", Expect(0, "run", NewId()).Output);
        Set("linux.namespaces", new JsonArray(new JsonObject { ["type"] = "mount" }));
        Set("hostname", "");
        Assert.Contains("a domainname needs a uts namespace", Expect(1, "create", NewId()).Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"realtime\":{\"secs\":1}}", "linux.timeOffsets: unknown clock 'realtime'")]
    [InlineData("{\"boottime\":{\"nanosecs\":1000000000}}", "linux.timeOffsets.boottime: 1000000000 nanoseconds")]
    public void ClocksAreChecked(string offsets, string message)
    {
        Change(static spec => ((JsonArray)spec["linux"]!["namespaces"]!).Add(new JsonObject { ["type"] = "time" }));
        Set("linux.timeOffsets", JsonNode.Parse(offsets));
        Assert.Contains(message, Expect(1, "create", NewId()).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void MapsAreThoseOfTheUserNamespaceThatIsJoined()
    {
        File.SetUnixFileMode(Folder, (UnixFileMode)0x1ED);
        JsonArray Maps(uint size) => new(new JsonObject { ["containerID"] = 0, ["hostID"] = 100000, ["size"] = size });
        void Namespaces(string? path) => Change(spec =>
        {
            spec["linux"]!["namespaces"] = new JsonArray(
                new JsonObject { ["type"] = "mount" }, new JsonObject { ["type"] = "pid" }, new JsonObject { ["type"] = "uts" }, new JsonObject { ["type"] = "ipc" },
                new JsonObject { ["type"] = "network" },
                path is null ? new JsonObject { ["type"] = "user" } : new JsonObject { ["type"] = "user", ["path"] = path });
        });
        Namespaces(path: null);
        Set("linux.uidMappings", Maps(1000));
        Set("linux.gidMappings", Maps(1000));
        string first = Running();
        Namespaces($"/proc/{PidOf(first)}/ns/user");
        SetProgram("cat", "/proc/self/uid_map");
        Assert.Equal("0 100000 1000", string.Join(' ', Expect(0, "run", NewId()).Output.Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)));
        Set("linux.gidMappings", Maps(2000));
        Assert.Contains(
            "linux.gidMappings is 0 100000 2000, but the user namespace to join has 0 100000 1000", Expect(1, "create", NewId()).Errors, StringComparison.Ordinal);
    }

    // A mount namespace of the caller's is what a container without one would be in: it has to be named. Here it is one that goes with the test.
    [Fact]
    public void TheCallersMountNamespaceIsHadByItsPath()
    {
        Set("linux.namespaces", new JsonArray(new JsonObject { ["type"] = "mount", ["path"] = "/proc/self/ns/mnt" }, new JsonObject { ["type"] = "pid" }, new JsonObject { ["type"] = "ipc" }, new JsonObject { ["type"] = "uts" }));
        Set("linux.maskedPaths", null);
        Set("linux.readonlyPaths", null);
        SetProgram("sh", "-c", "readlink /proc/self/ns/mnt; ls /");
        Outcome outcome = Programs.Run(
            "unshare", ["-m", "--propagation", "private", "sh", "-c", $"readlink /proc/self/ns/mnt; {Programs.Runtime} --root {State} run --bundle {Bundle} {NewId()}; grep -c {Rootfs}/dev /proc/self/mountinfo"], Bundle);
        string[] lines = outcome.Output.Split('\n');
        Assert.True(lines.Length > 4, outcome.ToString());
        Assert.Equal(lines[0], lines[1]);
        Assert.Equal("bin", lines[2]);
        Assert.NotEqual("0", lines[^2]); // the container's mounts stay
        Assert.DoesNotContain(Rootfs, File.ReadAllText("/proc/self/mountinfo"), StringComparison.Ordinal);
    }

    private void Set(string path, JsonNode? value) => Change(spec =>
    {
        JsonNode node = spec;
        string[] parts = path.Split('.');
        foreach (string part in parts[..^1])
            node = int.TryParse(part, out int index) ? node[index]! : node[part] ??= new JsonObject();
        if (int.TryParse(parts[^1], out int last))
            node[last] = value;
        else
            node[parts[^1]] = value;
    });
}
