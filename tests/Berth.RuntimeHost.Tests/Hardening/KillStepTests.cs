using System.Globalization;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;
using Xunit.Abstractions;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>
/// The runtime gets SIGKILL right before one of its system calls, each in its turn; strace(1) sees to it. Whatever is there then,
/// <c>delete --force</c> removes, and the same id can be used again. CI takes every 23rd call, beginning elsewhere each day; BERTH_KILL_STEPS=1 takes each.
/// </summary>
public sealed class KillStepTests : RuntimeTest
{
    private static readonly int Every = int.TryParse(Environment.GetEnvironmentVariable("BERTH_KILL_STEPS"), CultureInfo.InvariantCulture, out int every) ? every : 23;
    private readonly ITestOutputHelper output;
    private readonly string id = NewId();

    public KillStepTests(ITestOutputHelper output)
    {
        this.output = output;
        Change(spec => spec["process"]!["env"]!.AsArray().Add((JsonNode)("BERTH_TEST=" + id)));
    }

    [Fact]
    public void Attack27_CreateIsKilledAtEachStep() => KillAtEachStep(static () => { }, ["create", "--bundle", Bundle, "--pid-file", Folder + "/pid", id], ["start", id]);

    [Fact]
    public void Attack27_StartIsKilledAtEachStep() => KillAtEachStep(() => Create(), ["start", id], ["kill", id, "KILL"]);

    [Fact]
    public void Attack27_RunIsKilledAtEachStep()
    {
        SetProgram("true");
        KillAtEachStep(static () => { }, ["run", "--bundle", Bundle, id], []);
    }

    [Fact]
    public void Attack27_ExecIsKilledAtEachStep() => KillAtEachStep(Run, ["exec", id, "sleep", "0.001"], ["exec", id, "true"]);

    [Fact]
    public void Attack27_DeleteIsKilledAtEachStep() => KillAtEachStep(Run, ["delete", "--force", id], []);

    // With hooks and an own user namespace there are two processes that know of each other.
    [Fact]
    public void Attack27_CreateWithHooksAndAUserNamespaceIsKilledAtEachStep()
    {
        Change(static spec =>
        {
            spec["linux"]!["namespaces"]!.AsArray().Add((JsonNode)new JsonObject { ["type"] = "user" });
            foreach (string kind in (ReadOnlySpan<string>)["uidMappings", "gidMappings"])
                spec["linux"]![kind] = new JsonArray(new JsonObject { ["containerID"] = 0, ["hostID"] = 0, ["size"] = 65536 });
            spec["hooks"] = new JsonObject { ["createRuntime"] = new JsonArray(new JsonObject { ["path"] = "/bin/true" }) };
        });
        KillAtEachStep(static () => { }, ["create", "--bundle", Bundle, id], ["start", id]);
    }

    private void Create() => Expect(0, "create", "--bundle", Bundle, id);

    private void Run()
    {
        Create();
        _ = Expect(0, "start", id);
    }

    // After each kill the other verbs are tried as well: they may refuse, but not crash.
    private void KillAtEachStep(Action prepare, string[] verb, string[] after)
    {
        List<string> steps = Record(prepare, verb);
        int offset = Every == 1 ? 0 : (int)((DateTime.UtcNow - DateTime.UnixEpoch).TotalDays % Every), tries = 0, kills = 0;
        for (int i = offset; i < steps.Count; i += Every)
        {
            prepare();
            Outcome outcome = Trace("/dev/null", ["-e", steps[i]], verb);
            string step = $"step {i} of {steps.Count} ({steps[i]})";
            Assert.True(outcome.Code is 0 or 137, $"{step}: {outcome}");
            tries++;
            kills += outcome.Code == 0 ? 0 : 1; // not each run makes quite the same calls
            Outcome listed = Runtime("list");
            Assert.True(listed.Code == 0, $"list after {step}: {listed}");
            if (after.Length > 0 && Runtime(after) is { Code: not (0 or 1 or 255) } bad)
                Assert.Fail($"{after[0]} after {step}: {bad}");
            CleanUp(step);
        }

        output.WriteLine($"{verb[0]}: {kills} kills in {tries} of {steps.Count} steps, from {offset}");
        Assert.True(kills > tries * 9 / 10, $"{kills} kills in {tries} tries");
    }

    // The calls of the program's first thread, which does all the work, as what strace is to be told to kill at each: it counts each kind on its own.
    private List<string> Record(Action prepare, string[] verb)
    {
        string log = Path.Combine(Folder, "calls");
        prepare();
        Outcome outcome = Trace(log, [], verb);
        Assert.True(outcome.Code == 0, outcome.ToString());
        CleanUp("the recording");
        var steps = new List<string>();
        var seen = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (string line in File.ReadLines(log))
        {
            int end = line.IndexOf('(', StringComparison.Ordinal);
            if (end <= 0 || !line[..end].All(static c => char.IsAsciiLetterOrDigit(c) || c == '_'))
                continue;
            string call = line[..end];
            seen[call] = seen.GetValueOrDefault(call) + 1;
            steps.Add($"inject={call}:signal=SIGKILL:when={seen[call]}");
        }

        return steps;
    }

    private Outcome Trace(string log, string[] options, string[] verb)
    {
        string strace = Programs.InPath("strace") ?? throw new InvalidOperationException("there is no strace in PATH: eng/prepare --tests installs it");
        return Programs.Run(strace, ["-qq", "-o", log, .. options, Programs.Runtime, "--root", State, .. verb], Bundle);
    }

    private void CleanUp(string step)
    {
        Outcome deleted = Runtime("delete", "--force", id);
        Assert.True(deleted.Code == 0, $"delete --force after {step}: {deleted}");
        HostTraces.ExpectNone(id, State);
    }
}
