using System.Globalization;
using System.Text.Json.Nodes;
using Berth.RuntimeHost.Tests.Support;

namespace Berth.RuntimeHost.Tests;

/// <summary>From create to delete, by the native executable.</summary>
public sealed class LifecycleTests : RuntimeTest
{
    [Fact]
    public void AContainerIsCreatedStartedEndedAndDeleted()
    {
        string pidFile = Path.Combine(Folder, "pid");
        string id = Created("--pid-file", pidFile);
        JsonObject state = StateOf(id);
        Assert.Equal("created", state["status"]!.GetValue<string>());
        Assert.Equal(["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"], state.Select(static m => m.Key));
        Assert.Equal(Rootfs, state["rootfs"]!.GetValue<string>());
        int pid = state["pid"]!.GetValue<int>();
        Assert.Equal(pid.ToString(CultureInfo.InvariantCulture), File.ReadAllText(pidFile));

        _ = Expect(0, "start", id);
        AwaitStatus(id, "running");
        Await(() => File.ReadAllText($"/proc/{pid}/comm") == "sleep\n", "the program is executed");
        Assert.Contains("cannot start an already running container", Expect(1, "start", id).Errors, StringComparison.Ordinal);
        Assert.Contains($"cannot delete container {id} that is not stopped: running", Expect(1, "delete", id).Errors, StringComparison.Ordinal);

        _ = Expect(0, "kill", id, "KILL");
        AwaitStatus(id, "stopped");
        Assert.Equal(0, PidOf(id));
        _ = Expect(0, "delete", id);
        Assert.Contains("container does not exist", Expect(1, "state", id).Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(State));
    }

    [Fact]
    public void DeleteOfACreatedContainerKillsIt()
    {
        string id = Created();
        int pid = PidOf(id);
        _ = Expect(0, "delete", id);
        Await(() => !IsAlive(pid), "the process ended");
    }

    [Fact]
    public void ForcedDeleteEndsWhatRunsOrIsPausedAndAcceptsWhatIsNotThere()
    {
        string running = Running(), paused = Running();
        int[] pids = [PidOf(running), PidOf(paused)];
        _ = Expect(0, "pause", paused);
        _ = Expect(0, "delete", "--force", running);
        _ = Expect(0, "delete", "-f", paused);
        _ = Expect(0, "delete", "-f", "nobody");
        Await(() => !pids.Any(IsAlive), "both ended");
        Assert.Empty(Directory.GetDirectories(State));
    }

    [Fact]
    public void AnIdIsTakenUntilItsContainerIsDeleted()
    {
        string id = Created();
        Assert.Contains("container with given ID already exists", Expect(1, "create", id).Errors, StringComparison.Ordinal);
        Assert.Equal("created", StatusOf(id));
        _ = Expect(0, "delete", "-f", id);
        _ = Expect(0, "create", id);
    }

    [Theory]
    [InlineData("", "container id cannot be empty")]
    [InlineData("a/b", "invalid container ID format")]
    [InlineData("..", "invalid container ID format")]
    [InlineData("a b", "invalid container ID format")]
    public void IdsAreNoPaths(string id, string message)
    {
        Assert.Contains(message, Expect(1, "create", id).Errors, StringComparison.Ordinal);
        Assert.Contains(message, Expect(1, "state", id).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void AFailedCreateLeavesNothing()
    {
        SetProgram("nope");
        Assert.Contains(
            "berth-runtime create failed: unable to start container process: exec: \\\"nope\\\": executable file not found in $PATH", Expect(1, "create", NewId()).Errors,
            StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(State));
    }

    [Fact]
    public void AFolderWithoutAStateIsWhatAKilledCreateLeft()
    {
        string id = NewId();
        _ = Directory.CreateDirectory(Path.Combine(State, id));
        Assert.Contains("container does not exist", Expect(1, "state", id).Errors, StringComparison.Ordinal);
        _ = Expect(0, "create", id);
        _ = Expect(0, "delete", "-f", id);
        _ = Directory.CreateDirectory(Path.Combine(State, id));
        _ = Expect(0, "delete", "-f", id);
        Assert.Empty(Directory.GetDirectories(State));
    }

    [Fact]
    public void HooksAfterTheStartAndAfterTheEndGetTheState()
    {
        string log = Path.Combine(Folder, "hooks");
        JsonObject Hook(string script) => new() { ["path"] = "/bin/sh", ["args"] = new JsonArray("sh", "-c", script) };
        Change(spec => spec["hooks"] = new JsonObject
        {
            ["poststart"] = new JsonArray(Hook($"cat >>{log}"), Hook("exit 3")),
            ["poststop"] = new JsonArray(Hook($"cat >>{log}")),
        });
        string id = Created();
        Outcome start = Expect(0, "start", id);
        Assert.Contains("level=warning", start.Errors, StringComparison.Ordinal);
        Assert.Contains("poststart", start.Errors, StringComparison.Ordinal);
        _ = Expect(0, "delete", "-f", id);
        string told = File.ReadAllText(log);
        Assert.Contains($"\"id\":\"{id}\",\"status\":\"running\"", told, StringComparison.Ordinal);
        Assert.Contains($"\"id\":\"{id}\",\"status\":\"stopped\"", told, StringComparison.Ordinal);
    }

    [Fact]
    public void ACreateKilledAtAnyMomentLeavesOnlyWhatForcedDeleteRemoves()
    {
        for (int delay = 0; delay < 30; delay++)
        {
            string id = NewId();
            using var process = System.Diagnostics.Process.Start(
                new System.Diagnostics.ProcessStartInfo(Programs.Runtime, ["--root", State, "create", "--bundle", Bundle, id]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true })!;
            Thread.Sleep(delay);
            process.Kill();
            process.WaitForExit();
            _ = Expect(0, "delete", "--force", id);
            Assert.False(Directory.Exists(Path.Combine(State, id)));
            Await(() => Directory.GetDirectories("/sys/fs/cgroup", id, new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 4 }).Length == 0, "no cgroup is left");
        }
    }
}
