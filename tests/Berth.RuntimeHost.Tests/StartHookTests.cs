using System.Diagnostics;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary>Hooks of kind startContainer, which the container's process runs after <c>create</c> has returned: <c>start</c> waits for them and tells which failed.</summary>
public sealed class StartHookTests : RuntimeTest
{
    private string Log => Path.Combine(Rootfs, "tmp", "log");

    [Theory]
    [InlineData("exit 3", null, "exit status 3")]
    [InlineData("kill -9 $$", null, "killed by signal 9")]
    [InlineData("exec sleep 1000", 1, "it took longer than its timeout of 1 s and was killed")]
    public void StartTellsWhichHookFailed(string script, int? timeout, string how)
    {
        SetHooks(Hook("echo one >>/tmp/log"), Hook(script, timeout), Hook("echo three >>/tmp/log"));
        SetProgram("sh", "-c", "echo program >>/tmp/log");
        string id = Created("--pid-file", Path.Combine(Folder, "pid"));
        Assert.Contains($"error running startContainer hook #1 (/bin/sh): {how}", Expect(1, "start", id).Errors, StringComparison.Ordinal);
        AwaitStatus(id, "stopped");
        Assert.Equal("one\n", File.ReadAllText(Log));
        _ = Expect(0, "delete", id);

        foreach (string[] flags in (string[][])[[], ["--detach"]])
            Assert.Contains($"berth-runtime run failed: error running startContainer hook #1 (/bin/sh): {how}", Expect(1, ["run", .. flags, NewId()]).Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(State));
        Assert.DoesNotContain("program", File.ReadAllText(Log), StringComparison.Ordinal);
    }

    [Fact]
    public void AHookThatIsNoProgramIsToldAsWell()
    {
        SetHooks(new JsonObject { ["path"] = "/no/such/hook" });
        string id = Created();
        Assert.Contains("error running startContainer hook #0 (/no/such/hook): exit status 127", Expect(1, "start", id).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void StartReturnsAfterTheHooksAndBeforeTheProgramEnds()
    {
        SetHooks(Hook("sleep 0.3; echo hook >>/tmp/log"), Hook("sleep 1000 >/dev/null 2>&1 & echo second >>/tmp/log"));
        Change(spec => spec["hooks"]!["poststart"] = new JsonArray(new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", $"echo poststart >>{Log}") }));
        string id = Running();
        Assert.Equal(["hook", "second", "poststart"], File.ReadAllLines(Log));
        Assert.Equal("running", StatusOf(id));
    }

    [Fact]
    public void AHookThatHangsHoldsUpNothingButTheStart()
    {
        SetHooks(Hook("echo begun >>/tmp/log; exec sleep 1000"));
        string id = Created();
        using Process start = Process.Start(new ProcessStartInfo(Programs.Runtime, ["--root", State, "start", id]))!; // a program that exists
        Await(() => File.Exists(Log), "the hook runs");
        Assert.False(start.HasExited);
        _ = Expect(0, "delete", "--force", id);
        Assert.True(start.WaitForExit(10_000));
    }

    [Fact]
    public void HooksThatWriteMuchToTheTerminalAreRead()
    {
        SetHooks(Hook("i=0; while [ $i -lt 2000 ]; do echo a line of a hook $i; i=$((i+1)); done"));
        Change(static spec => spec["process"]!["terminal"] = true);
        SetProgram("echo", "the program");
        string output = Expect(0, "run", NewId()).Output;
        Assert.Contains("a line of a hook 1999\r\n", output, StringComparison.Ordinal);
        Assert.EndsWith("the program\r\n", output, StringComparison.Ordinal);
    }

    private static JsonObject Hook(string script, int? timeout = null)
    {
        var hook = new JsonObject { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", script), ["env"] = new JsonArray("PATH=/bin") };
        if (timeout is { } seconds)
            hook["timeout"] = seconds;
        return hook;
    }

    private void SetHooks(params JsonObject[] hooks) => Change(spec => spec["hooks"] = new JsonObject { ["startContainer"] = new JsonArray([.. hooks]) });
}
