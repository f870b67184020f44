using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary>
/// What runc takes and what it refuses, field by field, beside what this runtime does: where both take it, the program sees the same. The differences are
/// wanted, and each has its reason here. Seen with runc 1.1; other versions may refuse more.
/// </summary>
public sealed class RuncConfigTests : RuntimeTest
{
    private const string Program = "umask; pwd; cat /proc/self/oom_score_adj; grep -c . /proc/self/mountinfo";

    [Theory]
    [InlineData("process.user.umask", "511")]
    [InlineData("process.user.umask", "530")]
    [InlineData("process.user.umask", "4294966801")]
    [InlineData("process.user.additionalGids", "[5,7]")]
    [InlineData("process.cwd", "\"tmp\"")]
    [InlineData("process.args", "[]")]
    [InlineData("process.args", "\"text\"")]
    [InlineData("process.env", "[\"A\"]")]
    [InlineData("process.env", "null")]
    [InlineData("process.oomScoreAdj", "2000")]
    [InlineData("process.oomScoreAdj", "77")]
    [InlineData("process.rlimits", "[{\"type\":\"RLIMIT_X\",\"hard\":1,\"soft\":1}]")]
    [InlineData("process.rlimits", "[{\"type\":\"RLIMIT_NOFILE\",\"hard\":10,\"soft\":20}]")]
    [InlineData("process.capabilities.bounding", "[\"CAP_NOPE\"]")]
    [InlineData("process.apparmorProfile", "\"no-such-profile\"")]
    [InlineData("process.selinuxLabel", "\"no:such:label:s0\"")]
    [InlineData("root", "null")]
    [InlineData("root.path", "\"nowhere\"")]
    [InlineData("hostname", "null")]
    [InlineData("hooks", "{\"createRuntime\":[{}]}")]
    [InlineData("hooks", "{\"createRuntime\":[{\"path\":\"\"}]}")]
    [InlineData("hooks", "{\"createRuntime\":[{\"path\":\"bin/true\"}]}")]
    [InlineData("hooks", "{\"createRuntime\":[{\"path\":\"/nowhere\"}]}")]
    [InlineData("hooks", "{\"createRuntime\":[{\"path\":\"/bin/true\",\"timeout\":0}]}")]
    [InlineData("hooks", "{\"createRuntime\":[{\"path\":\"/bin/true\",\"timeout\":-1}]}")]
    [InlineData("linux.intelRdt", "{}")]
    [InlineData("linux.intelRdt", "{\"l3CacheSchema\":\"L3:0=f\"}")]
    [InlineData("linux.namespaces", "[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"pid\"},{\"type\":\"pid\"}]")]
    [InlineData("linux.namespaces", "[{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"clock\"}]")]
    [InlineData("linux.namespaces", "[{\"type\":\"mount\"},{\"type\":\"pid\"}]")]
    [InlineData("linux.rootfsPropagation", "\"sideways\"")]
    [InlineData("linux.sysctl", "{\"vm.swappiness\":\"1\"}")]
    [InlineData("linux.sysctl", "{\"kernel.hostname\":\"x\"}")]
    [InlineData("linux.sysctl", "{\"net.ipv4.ip_forward\":\"1\"}")]
    [InlineData("linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_X\"}")]
    [InlineData("linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"X\"]}")]
    [InlineData("linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"no_such_call\"],\"action\":\"SCMP_ACT_ERRNO\"}]}")]
    [InlineData("linux.devices", "[{\"type\":\"x\",\"path\":\"/dev/x\",\"major\":1,\"minor\":3}]")]
    [InlineData("linux.resources", "{\"memory\":{\"limit\":67108864,\"swap\":33554432}}")]
    [InlineData("linux.resources", "{\"memory\":{\"limit\":-1}}")]
    [InlineData("linux.resources", "{\"memory\":{\"useHierarchy\":true}}")]
    [InlineData("linux.resources", "{\"pids\":{\"limit\":0}}")]
    [InlineData("linux.resources", "{\"cpu\":{\"shares\":1}}")]
    [InlineData("linux.resources", "{\"cpu\":{\"cpus\":\"999\"}}")]
    [InlineData("linux.resources", "{\"hugepageLimits\":[{\"pageSize\":\"3MB\",\"limit\":1}]}")]
    [InlineData("annotations", "{\"a\":\"b\"}")]
    public void BothTakeItOrBothRefuseIt(string path, string value) => Compare(path, value, runcTakes: null, weTake: null);

    [Theory]
    [InlineData("linux.intelRdt", "{\"closID\":\"gold\"}", "the specification: a class that does not exist is an error")]
    [InlineData("process.rlimits", "[{\"type\":\"RLIMIT_NOFILE\",\"hard\":9,\"soft\":9},{\"type\":\"RLIMIT_NOFILE\",\"hard\":9,\"soft\":9}]", "the specification: the same limit twice is an error")]
    [InlineData("linux.maskedPaths", "[\"proc/keys\"]", "the specification: absolute paths")]
    [InlineData("linux.readonlyPaths", "[\"proc/keys\"]", "the specification: absolute paths")]
    [InlineData("linux.devices", "[{\"type\":\"c\",\"path\":\"/dev/x\"}]", "the specification: a node has numbers")]
    [InlineData("linux.seccomp", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_ERRNO\"}]}", "the specification: a rule names a call")]
    [InlineData("linux.cgroupsPath", "\"/../../berth-test\"", "a path that climbs names another cgroup than it says")]
    [InlineData("linux.uidMappings", "[{\"containerID\":0,\"hostID\":1000,\"size\":1}]", "without a user namespace nothing would be mapped")]
    [InlineData("ociVersion", "\"2.0.0\"", "what a later version means is not known")]
    [InlineData("mounts.0", "{\"destination\":\"/tmp\",\"type\":\"bind\",\"source\":\"/tmp\",\"options\":[\"bind\",\"r0\"]}", "a misspelt ro would be writable")]
    public void RuncTakesIt(string path, string value, string reason) => Compare(path, value, runcTakes: true, weTake: false, reason);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheStarterConfigurationIsRuncs(bool rootless)
    {
        if (Programs.Runc is not { } runc)
            return;
        string[] texts = [.. ((string[])[runc, Programs.Runtime]).Select((program, i) =>
        {
            string bundle = Directory.CreateDirectory(Path.Combine(Folder, $"spec{i}")).FullName;
            Assert.Equal(0, Programs.Run(program, ["spec", "--bundle", bundle, .. rootless ? ["--rootless"] : Array.Empty<string>()]).Code);
            return Comparable(File.ReadAllText(Path.Combine(bundle, "config.json")));
        })];
        Assert.Equal(texts[0], texts[1]);
    }

    // Without what differs on purpose: the name and the version; a cgroup namespace on every host (runc: with cgroup v2 alone); no ambient capabilities.
    private static string Comparable(string config)
    {
        JsonNode spec = JsonNode.Parse(config)!;
        spec["ociVersion"] = spec["hostname"] = null;
        spec["process"]!["capabilities"]!.AsObject().Remove("ambient");
        spec["linux"]!["namespaces"] = new JsonArray(
            [.. spec["linux"]!["namespaces"]!.AsArray().Select(static n => n!["type"]!.GetValue<string>()).Where(static t => t != "cgroup").Order(StringComparer.Ordinal).Select(static t => (JsonNode)t)]);
        return Sorted(spec)!.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true });
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject members => new JsonObject(members.OrderBy(static m => m.Key, StringComparer.Ordinal).Select(static m => KeyValuePair.Create(m.Key, Sorted(m.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    private void Compare(string path, string value, bool? runcTakes, bool? weTake, string reason = "")
    {
        if (Programs.Runc is not { } runc)
            return; // nothing to compare with: eng/prepare --tests installs it where there is a package
        SetProgram("sh", "-c", Program);
        Set(path, JsonNode.Parse(value));
        Outcome theirs = Run(runc, Path.Combine(Folder, "runc")), ours = Run(Programs.Runtime, State);
        string both = $"{reason}\nrunc: {theirs}\nberth-runtime: {ours}";
        Assert.True((theirs.Code == 0) == (runcTakes ?? ours.Code == 0), both);
        Assert.True((ours.Code == 0) == (weTake ?? theirs.Code == 0), both);
        if (theirs.Code == 0 && ours.Code == 0)
            Assert.True(theirs.Output == ours.Output, both);
        else if (ours.Code != 0)
            Assert.Contains("level=error", ours.Errors, StringComparison.Ordinal);
    }

    private Outcome Run(string program, string root)
    {
        string id = NewId();
        Outcome outcome = Programs.Run(program, ["--root", root, "run", id], Bundle);
        _ = Programs.Run(program, ["--root", root, "delete", "--force", id], Bundle);
        return outcome;
    }

    // A field by its path; a number is an element that is put behind the others.
    private void Set(string path, JsonNode? value) => Change(spec =>
    {
        string[] names = path.Split('.');
        JsonNode node = names[..^1].Aggregate((JsonNode)spec, static (parent, name) => parent[name] ?? throw new ArgumentException($"there is no {name}", nameof(path)));
        if (node is JsonArray list)
            list.Add(value);
        else
            node[names[^1]] = value;
    });
}
