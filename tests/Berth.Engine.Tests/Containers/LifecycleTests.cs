using Berth.Engine.Containers;
using Berth.Engine.Tests.Support;
using Berth.Model;
using Berth.Runtime.Shims;

namespace Berth.Engine.Tests.Containers;

public sealed class LifecycleTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UnixEpoch.AddDays(1);

    [Theory]
    [InlineData("start", "created exited", "NotModified: running restarting; Conflict: paused")]
    [InlineData("stop", "running paused restarting", "NotModified: created exited")]
    [InlineData("kill", "running paused restarting", "Conflict: created exited")]
    [InlineData("pause", "running", "Conflict: created paused restarting exited")]
    [InlineData("unpause", "paused", "Internal: created running restarting exited")]
    [InlineData("exec", "running", "Conflict: created paused restarting exited")]
    [InlineData("process", "running paused", "Conflict: created restarting exited")]
    [InlineData("attach", "created running exited", "Conflict: paused restarting")]
    [InlineData("remove", "created exited", "Conflict: running paused restarting")]
    public void What_may_be_done_in_which_state(string operation, string allowed, string refused)
    {
        Assert.Equal(allowed, string.Join(' ', Enum.GetValues<ContainerStatus>().Where(status => Refusal(operation, status) is null).Select(Lifecycle.Word)));
        foreach (string part in refused.Split("; "))
        {
            ErrorKind kind = Enum.Parse<ErrorKind>(part.Split(": ")[0]);
            Assert.Equal(part.Split(": ")[1], string.Join(' ', Enum.GetValues<ContainerStatus>().Where(status => Refusal(operation, status)?.Kind == kind).Select(Lifecycle.Word)));
        }
    }

    [Fact]
    public void Refusals_are_in_the_words_of_dockers_engine()
    {
        string id = In(ContainerStatus.Running).Id.ToString();
        Assert.Equal("cannot start a paused container, try unpause instead", Refusal("start", ContainerStatus.Paused)?.Message);
        Assert.Equal($"Cannot kill container: web: Container {id} is not running", Refusal("kill", ContainerStatus.Exited)?.Message);
        Assert.Equal($"Container {id} is already paused", Refusal("pause", ContainerStatus.Paused)?.Message);
        Assert.Equal($"Container {id} is restarting, wait until the container is running", Refusal("exec", ContainerStatus.Restarting)?.Message);
        Assert.Equal("Container web is paused, unpause the container before exec", Refusal("exec", ContainerStatus.Paused)?.Message);
        Assert.Equal($"You cannot remove a paused container {id}. Unpause and then stop the container before attempting removal or force remove", Refusal("remove", ContainerStatus.Paused)?.Message);
    }

    [Fact]
    public void A_users_start_begins_a_new_count_and_a_policys_does_not()
    {
        var state = new ContainerState { Status = ContainerStatus.Restarting, RestartCount = 3, WasStopped = true, Error = "x", ExitCode = 4, OomKilled = true };
        Assert.True(Lifecycle.Starting(state, Now, isAsked: true) is { Status: ContainerStatus.Running, RestartCount: 0, WasStopped: false, Error: "", ExitCode: 0, OomKilled: false });
        Assert.True(Lifecycle.Starting(state, Now, isAsked: false) is { Status: ContainerStatus.Running, RestartCount: 3, WasStopped: true });
    }

    // What a wait tells of: an end that the process did not choose is none.
    [Fact]
    public void Only_a_start_can_have_failed()
    {
        ContainerState failed = Lifecycle.StartFailed(new ContainerState(), 127, "no such file");
        Assert.True(failed is { HasStartFailed: true, Error: "no such file", ExitCode: 127 });
        ContainerState running = Lifecycle.Starting(failed, Now, isAsked: true);
        Assert.True(running is { HasStartFailed: false, Error: "" });
        Assert.True(Lifecycle.Ended(running, new ExitStatus(137, OomKilled: false, Now), "the container's shim was killed", restarts: false) is { HasStartFailed: false, Error.Length: > 0 });
    }

    [Fact]
    public void An_end_is_the_last_or_counts_a_restart()
    {
        ContainerState running = Lifecycle.Started(Lifecycle.Starting(new ContainerState(), Now, isAsked: true), 7, Now);
        var exit = new ExitStatus(3, OomKilled: true, Now.AddSeconds(1));
        Assert.True(Lifecycle.Ended(running, exit, "", restarts: false) is { Status: ContainerStatus.Exited, Pid: 0, ExitCode: 3, OomKilled: true, RestartCount: 0 });
        ContainerState waiting = Lifecycle.Ended(running, exit, "", restarts: true);
        Assert.True(waiting is { Status: ContainerStatus.Restarting, RestartCount: 1, IsAlive: true });
        Assert.Equal(ContainerStatus.Exited, Lifecycle.RestartGivenUp(waiting).Status);
    }

    [Fact]
    public void A_start_that_failed_or_never_was_leaves_the_state_before()
    {
        Assert.True(Lifecycle.StartFailed(new ContainerState(), 127, "no") is { Status: ContainerStatus.Created, ExitCode: 127, Error: "no" });
        Assert.Equal(ContainerStatus.Exited, Lifecycle.StartFailed(new ContainerState { Status = ContainerStatus.Restarting }, 128, "no").Status);
        var noted = new ContainerState { Status = ContainerStatus.Running, StartedAt = Now };
        Assert.True(Lifecycle.NeverStarted(noted, null) is { Status: ContainerStatus.Created, StartedAt: null });
        Assert.True(Lifecycle.NeverStarted(noted with { FinishedAt = Now }, new ExitStatus(5, false, Now)) is { Status: ContainerStatus.Exited, ExitCode: 5 });
    }

    [Theory]
    [InlineData("no", 0, 1, false, 0, false)]
    [InlineData("", 0, 1, false, 0, false)]
    [InlineData("always", 0, 0, false, 99, true)]
    [InlineData("always", 0, 0, true, 0, true)]
    [InlineData("unless-stopped", 0, 0, false, 0, true)]
    [InlineData("unless-stopped", 0, 1, true, 0, false)]
    [InlineData("on-failure", 0, 0, false, 0, false)]
    [InlineData("on-failure", 0, 1, false, 1000, true)]
    [InlineData("on-failure", 2, 1, false, 1, true)]
    [InlineData("on-failure", 2, 1, false, 2, false)]
    public void Policies(string name, int max, int exitCode, bool wasStopped, int restarts, bool isWanted) =>
        Assert.Equal(isWanted, new RestartPolicyOption(name, max).Wants(exitCode, wasStopped, restarts));

    [Fact]
    public void The_wait_doubles_up_to_a_minute_and_begins_anew_after_ten_seconds()
    {
        var backoff = new RestartBackoff();
        TimeSpan run = TimeSpan.FromSeconds(1);
        Assert.Equal([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000], Enumerable.Range(0, 12).Select(_ => (int)backoff.Next(run).TotalMilliseconds));
        Assert.Equal(100, backoff.Next(TimeSpan.FromSeconds(10)).TotalMilliseconds);
        Assert.Equal(200, backoff.Next(run).TotalMilliseconds);
        backoff.Reset();
        Assert.Equal(100, backoff.Next(run).TotalMilliseconds);
    }

    private static ContainerRecord In(ContainerStatus status) =>
        Records.Create(id: ContainerId.Parse(new string('a', 64))) with { State = new ContainerState { Status = status } };

    private static EngineException? Refusal(string operation, ContainerStatus status)
    {
        ContainerRecord record = In(status);
        Action check = operation switch
        {
            "start" => () => Lifecycle.CheckStart(record),
            "stop" => () => Lifecycle.CheckStop(record),
            "kill" => () => Lifecycle.CheckKill(record, "web"),
            "pause" => () => Lifecycle.CheckPause(record),
            "unpause" => () => Lifecycle.CheckUnpause(record),
            "exec" => () => Lifecycle.CheckExec(record, "web"),
            "process" => () => Lifecycle.CheckProcess(record),
            "attach" => () => Lifecycle.CheckAttach(record, "web"),
            _ => () => Lifecycle.CheckRemove(record),
        };
        return Record.Exception(check) as EngineException;
    }
}
