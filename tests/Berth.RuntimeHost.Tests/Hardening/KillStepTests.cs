using System.Globalization;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;
using Xunit.Abstractions;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>
/// The runtime gets SIGKILL right before one of its system calls, each in its turn; strace(1) sees to it. Whatever is there then,
/// <c>delete --force</c> removes, and the same id can be used again. CI takes twelve calls of each verb, others each day; BERTH_KILLS=100 takes as many,
/// BERTH_KILLS=all takes each.
/// </summary>
public sealed class KillStepTests : RuntimeTest
{
    // Not each run makes the same calls: waits for another thread, and reads that come in pieces, are now more and now fewer. A verb that has ended before the
    // call came is tried again with the call before it.
    private const int MostMisses = 20;

    private static readonly int Wanted = Environment.GetEnvironmentVariable("BERTH_KILLS") switch
    {
        null or "" => 12,
        "all" => int.MaxValue,
        string number => int.Parse(number, CultureInfo.InvariantCulture),
    };

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

    private void KillAtEachStep(Action prepare, string[] verb, string[] after)
    {
        // The shortest of three: on a busy machine a wait for a process that gets no processor shows as dozens of calls, which another run does not make.
        List<string> steps = Enumerable.Range(0, 3).Select(_ => Record(prepare, verb)).MinBy(static calls => calls.Count)!; // there are three
        int count = Math.Min(Wanted, steps.Count), misses = 0;
        int offset = (int)((DateTime.UtcNow - DateTime.UnixEpoch).TotalDays % ((steps.Count + count - 1) / count));
        for (int i = 0; i < count; i++)
        {
            int wanted = Math.Min(offset + (int)((long)i * steps.Count / count), steps.Count - 1), step = wanted;
            while (!KillAt(steps, step, prepare, verb, after))
            {
                misses++;
                Assert.True(--step >= Math.Max(0, wanted - MostMisses), $"no kill in {wanted - step} tries, from step {wanted} of {steps.Count} ({steps[wanted]}) backwards");
            }
        }

        output.WriteLine($"{verb[0]}: {count} kills at {steps.Count} steps, from {offset}; {misses} times it had ended before");
        HostTraces.ExpectNoKeys(id);
    }

    // After each kill the other verbs are tried as well: they may refuse, but not crash. False: the verb came to its end.
    private bool KillAt(List<string> steps, int index, Action prepare, string[] verb, string[] after)
    {
        prepare();
        Outcome outcome = Trace("/dev/null", ["-e", steps[index]], verb);
        string step = $"step {index} of {steps.Count} ({steps[index]})";
        Assert.True(outcome.Code is 0 or 137, $"{step}: {outcome}");
        Outcome listed = Runtime("list");
        Assert.True(listed.Code == 0, $"list after {step}: {listed}");
        if (after.Length > 0 && Runtime(after) is { Code: not (0 or 1 or 255) } bad)
            Assert.Fail($"{after[0]} after {step}: {bad}");
        CleanUp(step);
        return outcome.Code == 137;
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

        // The first is strace's own way into the program: it is shown, but neither counted nor killed at.
        foreach (string line in File.ReadLines(log).Skip(1))
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
