using System.Diagnostics;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary>The smaller verbs, messages and usage.</summary>
public sealed class VerbTests : RuntimeTest
{
    [Fact]
    public void ListShowsAllContainers()
    {
        Assert.Equal("null\n", Expect(0, "list", "-f", "json").Output);
        Assert.Equal("ID          PID         STATUS      BUNDLE      CREATED     OWNER\n", Expect(0, "list").Output);
        string id = Running();
        Assert.Equal(id + "\n", Expect(0, "list", "-q").Output);
        string[] fields = Expect(0, "list").Output.Split('\n')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([id, $"{PidOf(id)}", "running", Bundle], fields[..4]);
        Assert.Equal("root", JsonNode.Parse(Expect(0, "list", "--format=json").Output)![0]!["owner"]!.GetValue<string>());
        Assert.Contains("invalid format option", Expect(1, "list", "-f", "xml").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void PsShowsTheContainersProcessesAlone()
    {
        string id = Running();
        Assert.Equal($"[{PidOf(id)}]\n", Expect(0, "ps", "-f", "json", id).Output);
        Await(() => File.ReadAllText($"/proc/{PidOf(id)}/comm") == "sleep\n", "the program is executed");
        string[] lines = Expect(0, "ps", id, "-o", "pid,comm").Output.TrimEnd().Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.EndsWith("sleep", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void PauseAndResume()
    {
        string id = Running();
        _ = Expect(0, "pause", id);
        Assert.Equal("paused", StatusOf(id));
        Assert.Contains("container not running", Expect(1, "pause", id).Errors, StringComparison.Ordinal);
        _ = Expect(0, "resume", id);
        Assert.Equal("running", StatusOf(id));
        Assert.Contains("container not paused", Expect(1, "resume", id).Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("sigterm")]
    [InlineData("15")]
    public void KillTakesNamesAndNumbers(string signal)
    {
        SetProgram("sh", "-c", "trap 'exit 0' TERM; echo >/tmp/ready; while :; do sleep 0.02; done");
        string id = Running();
        Await(() => File.Exists(Path.Combine(Rootfs, "tmp", "ready")), "the trap is set");
        _ = Expect(0, "kill", id, signal);
        AwaitStatus(id, "stopped");
        Assert.Contains("container not running", Expect(1, "kill", id, signal).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void KillOfAContainerInTheHostsPidNamespaceIsForAll()
    {
        Change(static spec => ((JsonArray)spec["linux"]!["namespaces"]!).RemoveAt(0));
        SetProgram("sh", "-c", "sleep 1000 & sleep 1000; true");
        string id = Running();
        Await(() => Expect(0, "ps", "-f", "json", id).Output.Count(static c => c == ',') == 2, "three processes");
        int[] pids = [.. JsonNode.Parse(Expect(0, "ps", "-f", "json", id).Output)!.AsArray().Select(static p => p!.GetValue<int>())];
        _ = Expect(0, "kill", id, "KILL");
        Await(() => !pids.Any(IsAlive), "all ended");
    }

    [Fact]
    public void UpdateChangesLimits()
    {
        string id = Running();
        _ = Expect(0, "update", "--memory", "64m", "--pids-limit", "50", id);
        JsonNode data = JsonNode.Parse(Expect(0, "events", "--stats", id).Output)!["data"]!;
        Assert.Equal(64 << 20, data["memory"]!["usage"]!["limit"]!.GetValue<long>());
        Assert.Equal(50, data["pids"]!["limit"]!.GetValue<long>());
        Outcome piped = Programs.Run(Programs.Runtime, ["--root", State, "update", "--resources", "-", id], input: """{"memory":{"limit":100663296},"cpu":{"shares":0}}""");
        Assert.Equal(0, piped.Code);
        Assert.Equal(100663296, JsonNode.Parse(Expect(0, "events", "--stats", id).Output)!["data"]!["memory"]!["usage"]!["limit"]!.GetValue<long>());
        Assert.Contains("invalid value for memory: invalid size: 'abc'", Expect(1, "update", "--memory", "abc", id).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void UpdateReadsAFileAndThenNoFlag()
    {
        string id = Running(), file = Path.Combine(Folder, "resources.json");
        File.WriteAllText(file, """{"pids":{"limit":77},"futureField":[1],"memory":{"limit":0}}""");
        _ = Expect(0, "update", "-r", file, "--pids-limit", "5", id);
        JsonNode Data() => JsonNode.Parse(Expect(0, "events", "--stats", id).Output)!["data"]!;
        Assert.Equal(77, Data()["pids"]!["limit"]!.GetValue<long>());
        Outcome piped = Programs.Run(Programs.Runtime, ["--root", State, "update", "-r", "-", id], input: """{"pids":{"limit":78}}""");
        Assert.Equal(0, piped.Code);
        Assert.Equal(78, Data()["pids"]!["limit"]!.GetValue<long>());
        File.WriteAllText(file, """{"pids":{"limit":"many"}}""");
        Assert.Contains("pids.limit: wanted a whole number, got \\\"many\\\"", Expect(1, "update", "-r", file, id).Errors, StringComparison.Ordinal);
        Assert.Contains(Folder, Expect(1, "update", "-r", Path.Combine(Folder, "none"), id).Errors, StringComparison.Ordinal);
        Assert.Equal(78, Data()["pids"]!["limit"]!.GetValue<long>());
    }

    [Fact]
    public async Task EventsTellWhenMemoryRunsOut()
    {
        Change(static spec => spec["linux"]!["resources"]!["memory"] = new JsonObject { ["limit"] = 16 << 20 });
        string id = Running();
        using Process events = Process.Start(new ProcessStartInfo(Programs.Runtime, ["--root", State, "events", "--interval", "1h", id]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        Task<string?> line = events.StandardOutput.ReadLineAsync();
        Await(
            () =>
            {
                // Again until it is told: the first may come before somebody listens.
                _ = Runtime("exec", id, "sh", "-c", "busybox head -c 60000000 /dev/zero | busybox tail >/dev/null");
                return line.IsCompleted;
            },
            "out of memory is told");
        Assert.Equal($"{{\"type\":\"oom\",\"id\":\"{id}\"}}", await line);
        _ = Expect(0, "kill", id, "KILL");
        Assert.True(events.WaitForExit(10_000));
        Assert.Contains("is not running", Expect(1, "events", "--stats", id).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void EventsTellWhatIsUsed()
    {
        string id = Running();
        JsonNode told = JsonNode.Parse(Expect(0, "events", "--stats", id).Output)!;
        Assert.Equal(("stats", id), (told["type"]!.GetValue<string>(), told["id"]!.GetValue<string>()));
        JsonNode data = told["data"]!;
        Assert.Equal(1, data["pids"]!["current"]!.GetValue<int>());
        Assert.InRange(data["memory"]!["usage"]!["usage"]!.GetValue<long>(), 1, 64 << 20);
        Assert.True(data["cpu"]!["usage"]!["total"]!.GetValue<long>() > 0);
        foreach (string member in (string[])["cpuset", "blkio", "hugetlb", "intel_rdt"])
            Assert.NotNull(data[member]);
    }

    [Fact]
    public void PsPassesOptionsOnAndNeedsAColumnPid()
    {
        string id = Running();
        Await(() => Expect(0, "ps", id).Output.Contains("sleep", StringComparison.Ordinal), "the process, which has been let go on, is the program");
        string[] lines = Expect(0, "ps", id).Output.TrimEnd().Split('\n');
        Assert.StartsWith("UID ", lines[0], StringComparison.Ordinal);
        Assert.Contains(" sleep 1000", Assert.Single(lines[1..]), StringComparison.Ordinal);
        lines = Expect(0, "ps", "--format", "table", id, "aux").Output.TrimEnd().Split('\n');
        Assert.StartsWith("USER ", lines[0], StringComparison.Ordinal);
        Assert.Contains($" {PidOf(id)} ", Assert.Single(lines[1..]), StringComparison.Ordinal);
        Assert.Contains("couldn't find PID field in ps output", Expect(1, "ps", id, "-o", "comm").Errors, StringComparison.Ordinal);
        _ = Expect(0, "kill", id, "KILL");
        AwaitStatus(id, "stopped");
        Assert.Equal("null\n", Expect(0, "ps", "-f", "json", id).Output);
    }

    // Every word of features in one configuration: what is announced is done.
    [Fact]
    public void WhatFeaturesAnnounceIsAccepted()
    {
        JsonNode features = JsonNode.Parse(Expect(0, "features").Output)!, linux = features["linux"]!, seccomp = linux["seccomp"]!;
        string[] options = [.. Texts(features["mountOptions"]!)];
        Change(spec =>
        {
            JsonArray mounts = spec["mounts"]!.AsArray();
            foreach (string word in options.Where(static o => o is not ("idmap" or "ridmap" or "remount")))
            {
                bool bind = word is "bind" or "rbind" || (word[0] == 'r' && word is not ("ro" or "rw" or "relatime" or "runbindable"));
                mounts.Add(new JsonObject
                {
                    ["destination"] = "/tmp/" + word, ["type"] = bind ? "bind" : "tmpfs", ["source"] = bind ? Bundle : "tmpfs", ["options"] = bind ? new JsonArray("bind", word) : new JsonArray(word),
                });
            }

            foreach (string word in (string[])["idmap", "ridmap"])
            {
                JsonArray Ids() => new(new JsonObject { ["containerID"] = 0, ["hostID"] = 1000, ["size"] = 10 });
                mounts.Add(new JsonObject
                {
                    ["destination"] = "/tmp/" + word, ["type"] = "bind", ["source"] = Bundle, ["options"] = new JsonArray("rbind", word), ["uidMappings"] = Ids(), ["gidMappings"] = Ids(),
                });
            }

            mounts.Add(new JsonObject { ["destination"] = "/tmp/nosuid", ["type"] = "none", ["source"] = "none", ["options"] = new JsonArray("remount", "ro") });
            spec["linux"]!["namespaces"] = new JsonArray([.. Texts(linux["namespaces"]!).Where(static n => n != "user").Select(static n => (JsonNode)new JsonObject { ["type"] = n })]);
            spec["process"]!["capabilities"]!["bounding"] = linux["capabilities"]!.DeepClone();
            spec["linux"]!["seccomp"] = new JsonObject
            {
                ["defaultAction"] = "SCMP_ACT_ALLOW", ["architectures"] = seccomp["archs"]!.DeepClone(), ["flags"] = seccomp["supportedFlags"]!.DeepClone(),
                ["syscalls"] = new JsonArray([
                    .. Texts(seccomp["actions"]!).Where(static a => a != "SCMP_ACT_NOTIFY").Select(static a => new JsonObject { ["names"] = new JsonArray("reboot"), ["action"] = a }),
                    .. Texts(seccomp["operators"]!).Select(static o => new JsonObject
                    {
                        ["names"] = new JsonArray("swapon"), ["action"] = "SCMP_ACT_ERRNO", ["args"] = new JsonArray(new JsonObject { ["index"] = 1, ["value"] = 5, ["valueTwo"] = 4, ["op"] = o }),
                    })]),
            };
            spec["hooks"] = new JsonObject([.. Texts(features["hooks"]!).Select(kind => KeyValuePair.Create<string, JsonNode?>(
                kind, new JsonArray(new JsonObject { ["path"] = kind is "createContainer" or "startContainer" ? "/bin/true" : Programs.Busybox, ["args"] = new JsonArray("true") })))]);
        });
        SetProgram("cat", "/proc/mounts");
        Outcome outcome = Expect(0, "run", NewId());
        Assert.DoesNotContain("warning", outcome.Errors.Replace("left out, as they are not ours to give", "", StringComparison.Ordinal).Replace("level=warning", "", StringComparison.Ordinal), StringComparison.Ordinal);
        foreach (string word in options.Where(static o => o != "remount"))
            Assert.Contains($" /tmp/{word} ", outcome.Output, StringComparison.Ordinal);

        static IEnumerable<string> Texts(JsonNode list) => list.AsArray().Select(static item => item!.GetValue<string>());
    }

    [Fact]
    public void EventsEndWithTheContainer()
    {
        string id = Running();
        using Process events = Process.Start(new ProcessStartInfo(Programs.Runtime, ["--root", State, "events", "--interval", "50ms", id]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        for (int i = 0; i < 2; i++)
            Assert.Equal("stats", JsonNode.Parse(events.StandardOutput.ReadLine()!)!["type"]!.GetValue<string>());
        _ = Expect(0, "kill", id, "KILL");
        Assert.True(events.WaitForExit(60_000));
        Assert.Equal(0, events.ExitCode);
    }

    [Fact]
    public void ErrorsAreLoggedInTheFormThatEnginesRead()
    {
        string log = Path.Combine(Folder, "log");
        Outcome outcome = Expect(1, "--log", log, "--log-format", "json", "state", "nobody");
        Assert.Equal("container does not exist\n", outcome.Errors);
        JsonNode line = JsonNode.Parse(File.ReadAllText(log))!;
        Assert.Equal(("error", "container does not exist"), (line["level"]!.GetValue<string>(), line["msg"]!.GetValue<string>()));
        Assert.True(DateTimeOffset.TryParse(line["time"]!.GetValue<string>(), out _));
        Assert.Matches("^time=\"[^\"]+Z\" level=error msg=\"container does not exist\"\n$", Expect(1, "state", "nobody").Errors);
        Assert.Contains("invalid log-format: xml", Expect(1, "--log-format", "xml", "list").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void FeaturesAndVersionAreAsProgramsReadThem()
    {
        JsonNode features = JsonNode.Parse(Expect(0, "features").Output)!;
        Assert.Equal("1.2.0", features["ociVersionMax"]!.GetValue<string>());
        Assert.Equal(41, features["linux"]!["capabilities"]!.AsArray().Count);
        Assert.Matches("^berth-runtime version [0-9.]+\nspec: 1.2.0\n$", Expect(0, "--version").Output);
    }

    [Fact]
    public void SpecWritesOnce()
    {
        Assert.Contains("File config.json exists. Remove it first", Expect(1, "spec").Errors, StringComparison.Ordinal);
        string other = Directory.CreateDirectory(Path.Combine(Folder, "other")).FullName;
        _ = Expect(0, "spec", "--rootless", "--bundle", other);
        JsonNode spec = JsonNode.Parse(File.ReadAllText(Path.Combine(other, "config.json")))!;
        Assert.Contains(spec["linux"]!["namespaces"]!.AsArray(), static n => n!["type"]!.GetValue<string>() == "user");
    }

    [Fact]
    public void EveryVerbHasHelpAndCheckpointsAreRefused()
    {
        foreach (string verb in (string[])["create", "delete", "events", "exec", "features", "kill", "list", "pause", "ps", "resume", "run", "spec", "start", "state", "update"])
        {
            Assert.StartsWith($"NAME:\n   berth-runtime {verb} - ", Expect(0, verb, "--help").Output, StringComparison.Ordinal);
            Assert.Contains("flag provided but not defined: -bogus", Expect(1, verb, "--bogus").Errors, StringComparison.Ordinal);
        }

        Assert.Contains("checkpoint is not supported", Expect(1, "checkpoint", "--leave-running", "x").Errors, StringComparison.Ordinal);
        Assert.Contains("restore is not supported", Expect(1, "restore", "x").Errors, StringComparison.Ordinal);
    }
}
