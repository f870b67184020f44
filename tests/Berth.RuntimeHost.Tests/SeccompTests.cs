using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace Berth.RuntimeHost.Tests;

/// <summary>Filters of real containers: agents that decide on calls, and what is told of a profile.</summary>
public sealed partial class SeccompTests : RuntimeTest
{
    private const string Make = "busybox mkdir /tmp/made 2>&1; echo status $?";
    private const int ENOSPC = 28;

    private string AgentPath => Path.Combine(Folder, "agent.sock");

    [Fact]
    public async Task AnAgentDecidesOnTheCallsOfTheProgramAndOfThoseAddedLater()
    {
        using var agent = new DescriptorSocket(AgentPath);
        SetProfile(AgentPath, "made for the test");
        Change(static spec => spec["annotations"] = new JsonObject { ["of"] = "the container" });
        SetProgram("sh", "-c", $"({Make}) >/tmp/result; exec sleep 1000");
        Task<Told> first = Task.Run(() => Receive(agent));
        string id = Created();
        using Told created = await first;
        int pid = PidOf(id);
        Assert.Equal(pid, created.State["pid"]!.GetValue<int>());
        Assert.Equal("made for the test", created.State["metadata"]!.GetValue<string>());
        Assert.Equal("[\"seccompFd\"]", created.State["fds"]!.ToJsonString());
        JsonNode state = created.State["state"]!;
        Assert.Equal(
            (id, "creating", pid, Bundle, "the container"),
            (state["id"]!.GetValue<string>(), state["status"]!.GetValue<string>(), state["pid"]!.GetValue<int>(), state["bundle"]!.GetValue<string>(), state["annotations"]!["of"]!.GetValue<string>()));
        _ = Expect(0, "start", id);
        created.Answer(ENOSPC);
        string result = Path.Combine(Rootfs, "tmp", "result");
        Await(() => File.Exists(result) && File.ReadAllText(result).Contains("status", StringComparison.Ordinal), "the program has its answer");
        Assert.Equal("mkdir: can't create directory '/tmp/made': No space left on device\nstatus 1\n", File.ReadAllText(result));

        Task<Told> second = Task.Run(() =>
        {
            Told told = Receive(agent);
            told.Answer(ENOSPC);
            return told;
        });
        Assert.Contains("No space left on device\nstatus 1\n", Expect(0, "exec", id, "sh", "-c", Make).Output, StringComparison.Ordinal);
        using Told added = await second;
        Assert.NotEqual(pid, added.State["pid"]!.GetValue<int>());
        state = added.State["state"]!;
        Assert.Equal(("running", pid, Bundle), (state["status"]!.GetValue<string>(), state["pid"]!.GetValue<int>(), state["bundle"]!.GetValue<string>()));
    }

    [Fact]
    public void AProcessThatIsAddedHasTheFilterThatWasCompiledForTheFirst()
    {
        Change(static spec => spec["linux"]!["seccomp"] = new JsonObject
        {
            ["defaultAction"] = "SCMP_ACT_ALLOW",
            ["syscalls"] = new JsonArray(new JsonObject { ["names"] = new JsonArray("mkdir", "mkdirat"), ["action"] = "SCMP_ACT_ERRNO", ["errnoRet"] = ENOSPC }),
        });
        string id = Running(), filter = Path.Combine(State, id, "seccomp.bpf");
        Assert.Contains("No space left on device\nstatus 1\n", Expect(0, "exec", id, "sh", "-c", Make).Output, StringComparison.Ordinal);

        // Without the file it is compiled anew; a damaged one is never taken for none.
        byte[] good = File.ReadAllBytes(filter);
        foreach (byte[] bad in (byte[][])[[], good[..^3], [.. good[..4], .. new byte[64]]])
        {
            File.WriteAllBytes(filter, bad);
            Assert.Contains("seccomp filter", Expect(255, "exec", id, "true").Errors, StringComparison.Ordinal);
        }

        File.Delete(filter);
        Assert.Contains("No space left on device\nstatus 1\n", Expect(0, "exec", id, "sh", "-c", Make).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherContainersFilterIsNotTakenOverWithItsId()
    {
        Change(static spec => spec["linux"]!["seccomp"] = new JsonObject
        {
            ["defaultAction"] = "SCMP_ACT_ALLOW",
            ["syscalls"] = new JsonArray(new JsonObject { ["names"] = new JsonArray("mkdir", "mkdirat"), ["action"] = "SCMP_ACT_ERRNO" }),
        });
        string id = Running();
        byte[] filter = File.ReadAllBytes(Path.Combine(State, id, "seccomp.bpf"));
        _ = Expect(0, "delete", "--force", id);

        // What a delete that was killed after its first step leaves.
        Directory.CreateDirectory(Path.Combine(State, id));
        File.WriteAllBytes(Path.Combine(State, id, "seccomp.bpf"), filter);
        Change(static spec => spec["linux"]!.AsObject().Remove("seccomp"));
        _ = Expect(0, "create", id);
        _ = Expect(0, "start", id);
        Assert.Contains("status 0\n", Expect(0, "exec", id, "sh", "-c", Make).Output, StringComparison.Ordinal);
        _ = Expect(0, "delete", "--force", id);
    }

    [Fact]
    public void WithoutAnAgentNothingStarts()
    {
        SetProfile(AgentPath, metadata: null);
        Assert.Contains(
            $"handing the listener to the seccomp agent at linux.seccomp.listenerPath {AgentPath}: no such file or directory",
            Expect(1, "create", NewId()).Errors, StringComparison.Ordinal);
        SetProfile(path: null, metadata: null);
        Assert.Contains("a rule has SCMP_ACT_NOTIFY, but listenerPath is not set", Expect(1, "create", NewId()).Errors, StringComparison.Ordinal);
        SetProfile(path: null, metadata: "x");
        Assert.Contains("listenerMetadata is set without listenerPath", Expect(1, "create", NewId()).Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(State));
    }

    [Fact]
    public void CallsThatNobodyKnowsAreToldForDebugging()
    {
        Change(static spec => spec["linux"]!["seccomp"] = JsonNode.Parse(
            """{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","no_such_call","open_the_door"],"action":"SCMP_ACT_ERRNO"}]}"""));
        string id = NewId();
        string log = Path.Combine(Folder, "log");
        _ = Expect(0, "--debug", "--log", log, "run", "--detach", id);
        string errors = File.ReadAllText(log);
        Assert.Contains("level=debug msg=\"linux.seccomp: the call no_such_call is not known and was left out\"", errors, StringComparison.Ordinal);
        Assert.Contains("open_the_door", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("mkdir", errors, StringComparison.Ordinal);
        Assert.Contains("no_such_call", Expect(0, "--debug", "exec", id, "true").Errors, StringComparison.Ordinal);
        Assert.Equal("", Expect(0, "exec", id, "true").Errors);
    }

    private static Told Receive(DescriptorSocket agent)
    {
        (string text, SafeFileHandle listener) = agent.Receive();
        return new Told(JsonNode.Parse(text)!.AsObject(), listener);
    }

    private void SetProfile(string? path, string? metadata) => Change(spec =>
    {
        JsonObject profile = JsonNode.Parse("""{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_NOTIFY"}]}""")!.AsObject();
        if (path is not null)
            profile["listenerPath"] = path;
        if (metadata is not null)
            profile["listenerMetadata"] = metadata;
        spec["linux"]!["seccomp"] = profile;
    });

    // What an agent has of one process.
    private sealed record Told(JsonObject State, SafeFileHandle Listener) : IDisposable
    {
        private const nuint SECCOMP_IOCTL_NOTIF_RECV = 0xC0502100, SECCOMP_IOCTL_NOTIF_SEND = 0xC0182101;

        /// <summary>Waits for the next call, and lets it fail.</summary>
        public unsafe void Answer(int errno)
        {
            ulong* call = stackalloc ulong[10]; // struct seccomp_notif: the id is first
            new Span<ulong>(call, 10).Clear();
            if (ioctl((int)Listener.DangerousGetHandle(), SECCOMP_IOCTL_NOTIF_RECV, call) != 0)
                throw new InvalidOperationException($"SECCOMP_IOCTL_NOTIF_RECV: errno {Marshal.GetLastPInvokeError()}");
            ulong* answer = stackalloc ulong[3]; // struct seccomp_notif_resp: id, value, error and flags
            (answer[0], answer[1], answer[2]) = (call[0], 0, (uint)-errno);
            if (ioctl((int)Listener.DangerousGetHandle(), SECCOMP_IOCTL_NOTIF_SEND, answer) != 0)
                throw new InvalidOperationException($"SECCOMP_IOCTL_NOTIF_SEND: errno {Marshal.GetLastPInvokeError()}");
        }

        public void Dispose() => Listener.Dispose();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static unsafe partial int ioctl(int fd, nuint request, void* argument);
}
