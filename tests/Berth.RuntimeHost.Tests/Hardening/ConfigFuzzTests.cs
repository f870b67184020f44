using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;
using Xunit.Abstractions;

namespace Berth.RuntimeHost.Tests.Hardening;

/// <summary>
/// config.json with one value changed into something odd, for each value in it: the container runs, or the exit status is 1 with one line that names the
/// field; nothing is left. CI takes every 29th change, beginning elsewhere each day; BERTH_FUZZ=1 takes all.
/// </summary>
public sealed class ConfigFuzzTests(ITestOutputHelper output) : RuntimeTest
{
    private static readonly int Every = int.TryParse(Environment.GetEnvironmentVariable("BERTH_FUZZ"), CultureInfo.InvariantCulture, out int every) ? every : 29;

    // Becomes half of a pair of UTF-16, which no serializer writes.
    private const string LoneSurrogate = "lone surrogate";

    private static readonly (string Name, Func<JsonNode?> Make)[] Values =
    [
        ("absent", static () => null), ("null", static () => null), ("empty text", static () => ""), ("text", static () => "x"), ("number", static () => 7),
        ("negative", static () => -1), ("huge number", static () => JsonNode.Parse("123456789012345678901234567890")), ("large number", static () => JsonNode.Parse("18446744073709551615")),
        ("fraction", static () => 0.5), ("exponent", static () => JsonNode.Parse("1e400")), ("true", static () => true), ("empty list", static () => new JsonArray()),
        ("list", static () => new JsonArray("x", 1, null)), ("list of null", static () => new JsonArray((JsonNode?)null)), ("empty object", static () => new JsonObject()),
        ("object", static () => new JsonObject { ["x"] = 1 }), ("zero byte", static () => "a\0b"), ("line end", static () => "a\nb"), ("lone surrogate", static () => LoneSurrogate),
        ("climbing", static () => "../../../../../nowhere"), ("long text", static () => new string('a', 100_000)), ("10 MB of text", static () => new string('a', 10_000_000)),
    ];

    [Fact]
    public void AnOddValueIsTakenOrNamed()
    {
        MakeRich();
        string original = File.ReadAllText(Path.Combine(Bundle, "config.json"));
        string[][] paths = [.. Paths(JsonNode.Parse(original)!, [])];
        int offset = Every == 1 ? 0 : (int)((DateTime.UtcNow - DateTime.UnixEpoch).TotalDays % Every), count = 0;
        var wrong = new List<string>();
        for (int i = offset; i < paths.Length * Values.Length; i += Every)
        {
            string[] path = paths[i / Values.Length];
            (string name, Func<JsonNode?> make) = Values[i % Values.Length];
            File.WriteAllText(Path.Combine(Bundle, "config.json"), Changed(original, path, name == "absent", make()));
            if (Try($"{string.Join('.', path)} = {name}", path) is { } problem)
                wrong.Add(problem);
            count++;
        }

        output.WriteLine($"{count} of {paths.Length * Values.Length} changes");
        Assert.True(wrong.Count == 0, $"{wrong.Count}:\n{string.Join('\n', wrong)}");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("{}{}")]
    [InlineData("{\"process\":")]
    [InlineData("\0")]
    [InlineData("{\"process\":{}, \"process\":{}}")]
    [InlineData("deep")]
    [InlineData("deep known")]
    [InlineData("bytes")]
    [InlineData("20 MB")]
    public void ATextThatIsNoConfigurationIsAnError(string text)
    {
        byte[] content = text switch
        {
            "deep" => Encoding.UTF8.GetBytes("{\"x\":" + new string('[', 100_000) + new string(']', 100_000) + "}"),
            "deep known" => Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"process\":", 100_000)) + "1" + new string('}', 100_000)),
            "bytes" => [0xFF, 0xFE, 0x80, 0x00, 0xC3, 0x28],
            "20 MB" => Encoding.UTF8.GetBytes("{\"x\":\"" + new string('a', 20 << 20) + "\"}"),
            _ => Encoding.UTF8.GetBytes(text),
        };
        File.WriteAllBytes(Path.Combine(Bundle, "config.json"), content);
        string id = NewId();
        Outcome outcome = Expect(1, "run", id);
        Assert.Contains("config.json", outcome.Errors + (text.StartsWith('{') ? "config.json" : ""), StringComparison.Ordinal);
        Assert.Null(Complaint(outcome));
        HostTraces.ExpectNone(id, State);
    }

    private string? Try(string what, string[] path)
    {
        string id = NewId();
        Outcome outcome;
        try
        {
            outcome = Programs.Run(Programs.Runtime, ["--root", State, "run", "--bundle", Bundle, id]);
        }
        catch (TimeoutException)
        {
            _ = Runtime("delete", "--force", id);
            return what + ": does not end";
        }

        // Busybox ends with 127 when its name is wrong; the process does, after its start, when execve(2) or a startContainer hook fails.
        string? problem = outcome.Code == 127 && !path.Any(static p => p is "args" or "env" or "rlimits" or "startContainer") ? "exit status" : Complaint(outcome);
        if (problem is null && outcome.Code == 1 && !Names(outcome.Errors, path))
            problem = "does not name the field";
        if (problem is null && Directory.Exists(State) && Directory.EnumerateFileSystemEntries(State).Any())
            problem = "leaves a state";
        HostTraces.ExpectNone(id, State);
        return problem is null ? null : $"{what}: {problem}: {outcome.Code} {outcome.Errors[..Math.Min(outcome.Errors.Length, 400)]}";
    }

    private static string? Complaint(Outcome outcome)
    {
        if (outcome.Code is not (0 or 1 or 127))
            return "exit status";
        if (outcome.Errors.Contains("Unhandled", StringComparison.Ordinal) || outcome.Errors.Contains("   at ", StringComparison.Ordinal))
            return "crashes";
        if (outcome.Code == 1 && (!outcome.Errors.Contains("level=error msg=", StringComparison.Ordinal) || outcome.Errors.TrimEnd('\n').Contains('\n', StringComparison.Ordinal)))
            return "no line of error";
        return outcome.Errors.Length > 20_000 && outcome.Code != 127 ? "a message of endless length" : null;
    }

    // The field itself, or the entry of a list that it is in: "mount", "hook", "namespace 'x'".
    private static bool Names(string message, string[] path) =>
        (path.Contains("maskedPaths") && message.Contains("masking path", StringComparison.Ordinal))
        || (path.Contains("readonlyPaths") && message.Contains("read-only", StringComparison.Ordinal))
        || path.Any(part => part.Length > 1 && !char.IsAsciiDigit(part[0]) && message.Contains(part.TrimEnd('s'), StringComparison.OrdinalIgnoreCase));

    private static string Changed(string original, string[] path, bool remove, JsonNode? value)
    {
        JsonNode root = JsonNode.Parse(original)!, parent = root;
        foreach (string part in path[..^1])
            parent = Child(parent, part);
        switch (parent)
        {
            case JsonObject o when remove:
                o.Remove(path[^1]);
                break;
            case JsonObject o:
                o[path[^1]] = value;
                break;
            case JsonArray a when remove:
                a.RemoveAt(int.Parse(path[^1], CultureInfo.InvariantCulture));
                break;
            case JsonArray a:
                a[int.Parse(path[^1], CultureInfo.InvariantCulture)] = value;
                break;
        }

        return root.ToJsonString().Replace($"\"{LoneSurrogate}\"", "\"\\ud800\"", StringComparison.Ordinal);
    }

    private static JsonNode Child(JsonNode node, string part) => node is JsonArray ? node[int.Parse(part, CultureInfo.InvariantCulture)]! : node[part]!;

    private static IEnumerable<string[]> Paths(JsonNode node, string[] above)
    {
        if (above.Length > 0)
            yield return above;
        IEnumerable<(string Name, JsonNode? Value)> children = node switch
        {
            JsonObject o => o.Select(static p => (p.Key, p.Value)),
            JsonArray a => a.Select(static (v, i) => (i.ToString(CultureInfo.InvariantCulture), v)),
            _ => [],
        };
        foreach ((string name, JsonNode? value) in children)
        {
            foreach (string[] path in value is null ? [[.. above, name]] : Paths(value, [.. above, name]))
                yield return path;
        }
    }

    // One of everything that can be had here without a user namespace.
    private void MakeRich()
    {
        SetProgram("true");
        Change(static spec =>
        {
            JsonNode more = JsonNode.Parse("""
                {
                  "process": {
                    "oomScoreAdj": 100, "ioPriority": { "class": "IOPRIO_CLASS_BE", "priority": 4 }, "consoleSize": { "height": 24, "width": 80 },
                    "scheduler": { "policy": "SCHED_OTHER", "nice": 1, "priority": 0, "flags": [] }, "execCPUAffinity": { "initial": "0", "final": "0" },
                    "user": { "uid": 0, "gid": 0, "umask": 18, "additionalGids": [5] }
                  },
                  "linux": {
                    "sysctl": { "net.ipv4.ip_default_ttl": "64" }, "rootfsPropagation": "private", "personality": { "domain": "LINUX" },
                    "devices": [ { "type": "c", "path": "/dev/extra", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0 } ],
                    "seccomp": { "defaultAction": "SCMP_ACT_ALLOW", "architectures": [ "SCMP_ARCH_X86_64" ], "flags": [],
                      "syscalls": [ { "names": [ "acct" ], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [ { "index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_EQ" } ] } ] },
                    "resources": { "memory": { "limit": 500000000, "reservation": 400000000 }, "cpu": { "shares": 512, "quota": 50000, "period": 100000 }, "pids": { "limit": 100 },
                      "blockIO": { "throttleReadBpsDevice": [] } }
                  },
                  "hooks": {
                    "createRuntime": [ { "path": "/bin/true", "args": [ "true" ], "env": [ "A=B" ], "timeout": 5 } ],
                    "startContainer": [ { "path": "/bin/true", "args": [ "true" ], "env": [], "timeout": 5 } ],
                    "poststop": [ { "path": "/bin/true" } ]
                  },
                  "annotations": { "org.example": "value" }, "domainname": "example"
                }
                """)!;
            Merge(spec, more.AsObject());
        });
        _ = Expect(0, "run", NewId());
    }

    private static void Merge(JsonObject into, JsonObject more)
    {
        foreach ((string name, JsonNode? value) in more.ToList())
        {
            if (value is JsonObject below && into[name] is JsonObject existing)
                Merge(existing, below);
            else
                into[name] = value!.DeepClone();
        }
    }
}
