using System.Globalization;
using Berth.Engine.Containers;
using Berth.Engine.Tests.Support;
using Berth.Model;

namespace Berth.Engine.Tests.Containers;

public sealed class ExecTableTests
{
    private readonly ManualClock clock = new();
    private readonly List<string> forgotten = [];
    private readonly ExecTable table;

    public ExecTableTests() => table = new ExecTable(clock, session => forgotten.Add(session.Id));

    [Fact]
    public void An_ended_session_is_found_for_five_minutes()
    {
        Add("a", isStarted: true);
        table.End("a", 3);
        clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromSeconds(1));
        Assert.Equal(3, table.Find("a")!.ExitCode);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(table.Find("a"));
        Assert.Equal(["a"], forgotten);
    }

    [Fact]
    public void A_running_session_does_not_age()
    {
        Add("a", isStarted: true);
        clock.Advance(TimeSpan.FromDays(1));
        Assert.NotNull(table.Find("a"));
        table.End("a", 0);
        clock.Advance(TimeSpan.FromMinutes(4));
        table.End("a", 9); // the second end neither changes the status nor makes it younger
        Assert.Equal(0, table.Find("a")!.ExitCode);
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Null(table.Find("a"));
    }

    [Fact]
    public void The_number_of_ended_sessions_is_bounded()
    {
        Add("running", isStarted: true);
        for (int i = 0; i < ExecTable.MostEnded + 5; i++)
        {
            string id = i.ToString(CultureInfo.InvariantCulture);
            Add(id, isStarted: true);
            table.End(id, 0);
        }

        Assert.Equal(ExecTable.MostEnded + 1, table.Count);
        Assert.Equal(["0", "1", "2", "3", "4"], forgotten);
        Assert.Equal(["running"], table.Unended);
    }

    [Fact]
    public async Task The_end_of_the_run_ends_what_runs_and_forgets_what_never_did()
    {
        ExecSession running = Add("running", isStarted: true);
        ExecSession waiting = Add("waiting", isStarted: false);
        table.EndAll(137);
        Assert.Equal(137, await running.Exited);
        Assert.Equal(137, await waiting.Exited);
        Assert.NotNull(table.Find("running"));
        Assert.Null(table.Find("waiting"));
        Assert.Empty(table.Unended);
    }

    [Fact]
    public void A_removed_container_has_none()
    {
        Add("a", isStarted: true);
        Add("b", isStarted: false);
        table.End("a", 0);
        table.Clear();
        Assert.Equal(0, table.Count);
        Assert.Equal(["a", "b"], forgotten.Order(StringComparer.Ordinal));
    }

    private ExecSession Add(string id, bool isStarted)
    {
        var session = new ExecSession(id, ContainerId.Create(), new ExecRequest { Command = ["true"] });
        Assert.True(!isStarted || session.TryBegin());
        table.Add(session);
        return session;
    }
}
