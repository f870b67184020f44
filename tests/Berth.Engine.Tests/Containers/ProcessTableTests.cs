using System.Diagnostics;
using Berth.Engine.Containers.Top;
using Berth.Model;

namespace Berth.Engine.Tests.Containers;

public sealed class ProcessTableTests
{
    [Theory]
    [InlineData("", "UID PID PPID C STIME TTY TIME CMD")]
    [InlineData("-ef", "UID PID PPID C STIME TTY TIME CMD")]
    [InlineData("aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND")]
    [InlineData("-o pid,comm", "PID COMMAND")]
    [InlineData("-opid,args -o ppid", "PID COMMAND PPID")]
    [InlineData("axo pid,user,etime", "PID USER ELAPSED")]
    [InlineData("--format pid,rss", "PID RSS")]
    [InlineData("-o pid,comm=Name", "PID Name")]
    public void Columns(string arguments, string titles) =>
        Assert.Equal(titles, string.Join(' ', ProcessTable.ParseColumns(arguments).Select(static column => column.Title)));

    [Theory]
    [InlineData("-o comm", ErrorKind.Internal, "Couldn't find PID field in ps output")]
    [InlineData("-o pid=xx", ErrorKind.Internal, "Couldn't find PID field in ps output")]
    [InlineData("-o pid,bogus", ErrorKind.NotImplemented, "bogus")]
    [InlineData("--sort", ErrorKind.NotImplemented, "--sort")]
    [InlineData("-Z", ErrorKind.NotImplemented, "-Z")]
    public void Refusals(string arguments, ErrorKind kind, string words)
    {
        var refusal = Assert.Throws<EngineException>(() => ProcessTable.Make([Environment.ProcessId], arguments));
        Assert.Equal(kind, refusal.Kind);
        Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_tells_of_the_process_and_one_that_ended_has_none()
    {
        ProcessTable table = ProcessTable.Make([Environment.ProcessId, int.MaxValue], "-o pid,ppid,uid,comm,stat,nlwp,rss,etime,lstart,tty,time");
        IReadOnlyList<string> row = Assert.Single(table.Rows);
        Assert.Equal(Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture), row[0]);
        Assert.Equal(File.ReadAllText("/proc/self/comm").TrimEnd(), row[3]);
        Assert.All(row, static value => Assert.NotEqual("", value));
    }

    [Fact]
    public void AProcessThatHasJustBegunIsShownWithItsArguments()
    {
        for (int i = 0; i < 300; i++)
        {
            // vfork(2): this goes on when the child has new memory, before it has its arguments there.
            using Process started = Process.Start("/bin/sleep", "1234");
            try
            {
                Assert.Equal("/bin/sleep 1234", Assert.Single(ProcessTable.Make([started.Id], "-o pid,args").Rows)[1]);
            }
            finally
            {
                started.Kill();
                started.WaitForExit();
            }
        }
    }
}
