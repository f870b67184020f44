using System.Text;
using Berth.Engine.Logs;
using Berth.Engine.Tests.Support;

namespace Berth.Engine.Tests.Logs;

public sealed class LogCursorTests : IDisposable
{
    private readonly TempFolder folder = new();

    private string Log => folder["x.log"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(null, "1\n2\n3\n4\n5\n")]
    [InlineData(0, "")]
    [InlineData(1, "5\n")]
    [InlineData(2, "4\n5\n")]
    [InlineData(3, "3\n4\n5\n")]
    [InlineData(5, "1\n2\n3\n4\n5\n")]
    [InlineData(100, "1\n2\n3\n4\n5\n")]
    public void The_tail_reaches_over_rotated_files(int? tail, string expected)
    {
        Write(".2", "1\n2\n");
        Write(".1", "3\n4\n");
        Write("", "5\n");
        using LogCursor cursor = Open(tail);
        Assert.Equal(expected, ReadAll(cursor));
    }

    [Fact]
    public void The_tail_skips_an_empty_present_file()
    {
        Write(".1", "3\n4\n");
        Write("", "");
        using LogCursor cursor = Open(1);
        Assert.Equal("4\n", ReadAll(cursor));
    }

    [Fact]
    public void Long_lines_are_found_from_the_end()
    {
        string line = new string('a', 100_000) + "\n";
        Write("", line + line + line);
        using LogCursor cursor = Open(2);
        Assert.Equal(200_002, ReadAll(cursor).Length);
    }

    [Fact]
    public void A_missing_file_is_empty_and_may_appear()
    {
        using LogCursor cursor = Open(10);
        Assert.Equal("", ReadAll(cursor));
        Write("", "1\n");
        Assert.Equal("1\n", ReadAll(cursor));
    }

    [Fact]
    public void A_tail_of_none_gives_what_comes()
    {
        Write("", "1\n");
        using LogCursor cursor = Open(0);
        Assert.Equal("", ReadAll(cursor));
        File.AppendAllText(Log, "2\n");
        Assert.Equal("2\n", ReadAll(cursor));
    }

    [Fact]
    public void Rotation_loses_and_doubles_nothing()
    {
        Write("", "1\n");
        using LogCursor cursor = Open(null);
        Assert.Equal("1\n", ReadAll(cursor));
        File.AppendAllText(Log, "2\n");
        Rotate();
        Write("", "3\n");
        Assert.Equal("2\n3\n", ReadAll(cursor));
    }

    [Fact]
    public void Several_rotations_may_happen_between_reads()
    {
        Write("", "1\n");
        using LogCursor cursor = Open(null);
        Assert.Equal("1\n", ReadAll(cursor));
        foreach (string text in (string[])["2\n", "3\n", "4\n"])
        {
            Rotate();
            Write("", text);
        }

        Assert.Equal("2\n3\n4\n", ReadAll(cursor));
    }

    [Fact]
    public void A_reader_left_behind_goes_on_with_the_oldest_file()
    {
        Write("", "1\n");
        using LogCursor cursor = Open(null);
        Assert.Equal("1\n", ReadAll(cursor));
        Rotate();
        Write("", "lost\n");
        Rotate();
        Write("", "3\n");
        File.Delete(Log + ".2");
        File.Move(Log + ".1", folder["gone"]);
        File.Move(Log, Log + ".1");
        Write("", "4\n");
        Assert.Equal("3\n4\n", ReadAll(cursor));
    }

    [Fact]
    public void A_present_file_not_yet_made_anew_is_waited_for()
    {
        Write("", "1\n");
        using LogCursor cursor = Open(null);
        Rotate();
        Assert.Equal("1\n", ReadAll(cursor));
        Write("", "2\n");
        Assert.Equal("2\n", ReadAll(cursor));
    }

    [Fact]
    public void A_removed_log_ends()
    {
        Write("", "1\n");
        using LogCursor cursor = Open(null);
        File.Delete(Log);
        Assert.Equal("1\n", ReadAll(cursor));
    }

    [Fact]
    public void A_folder_reached_over_a_symbolic_link_is_read_once()
    {
        Write("", "1\n");
        using var other = new TempFolder();
        Directory.CreateSymbolicLink(other["link"], folder.Path);
        using var cursor = new LogCursor(Path.Combine(other["link"], "x.log"));
        cursor.Open(null);
        Assert.Equal("1\n", ReadAll(cursor));
        Rotate();
        Write("", "2\n");
        Assert.Equal("2\n", ReadAll(cursor));
    }

    private LogCursor Open(int? tail)
    {
        var cursor = new LogCursor(Log);
        cursor.Open(tail);
        return cursor;
    }

    private void Write(string suffix, string text) => File.WriteAllText(Log + suffix, text);

    private void Rotate()
    {
        if (File.Exists(Log + ".1"))
        {
            if (File.Exists(Log + ".2"))
            {
                File.Move(Log + ".2", Log + ".3");
            }

            File.Move(Log + ".1", Log + ".2");
        }

        File.Move(Log, Log + ".1");
    }

    private static string ReadAll(LogCursor cursor)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        for (int read; (read = cursor.Read(buffer)) > 0;)
        {
            text.Append(Encoding.UTF8.GetString(buffer, 0, read));
            Assert.True(text.Length < 1 << 20, "the cursor reads in circles");
        }

        return text.ToString();
    }
}
